//! A browser walks through the pages of accounts, as someone does with a mouse, with a keyboard alone, and without scripts.

use std::{fs, process::Command};

use daybook_dev::program::look_for_program;

use super::{Bench, npm};
use crate::failure::{About, Failure};

/// Names that the program of a browser has. One that is installed is taken: none is downloaded.
pub(super) const BROWSERS: [&str; 4] =
    ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

const FILES: [&str; 9] = [
    "package.json",
    "package-lock.json",
    "walk.mjs",
    "person.mjs",
    "hands.mjs",
    "screens.mjs",
    "in_page.mjs",
    "mails.mjs",
    "watch.mjs",
];

impl Bench<'_> {
    pub(super) async fn walk_through_the_pages(&mut self) -> Result<(), Failure> {
        let what = "the pages of accounts";
        let Some(browser) = BROWSERS.into_iter().find_map(look_for_program) else {
            self.skip(what, format_args!("there is no {}", BROWSERS.join(", nor ")));
            return Ok(());
        };
        let (home, files) = (self.home.join("pages"), self.files.join("pages"));
        fs::create_dir_all(&home).about(home.display())?;
        for name in FILES {
            fs::copy(files.join(name), home.join(name)).about(name)?;
        }
        if !self.install(what, npm(&home), "npm").await? {
            return Ok(());
        }
        let place = &self.servers.place;
        let screens = home.join("screens");
        let mut walk = Command::new("node");
        walk.arg("walk.mjs")
            .current_dir(&home)
            .env("API", format!("http://{}", place.noted("api.listen")))
            .env("MAILS", place.join("mail"))
            .env("CHROMIUM", browser)
            .env("SCREENS", &screens);
        self.judge(what, &walk).await?;
        self.note(format!("pictures of all pages are in {}", screens.display()));
        Ok(())
    }
}
