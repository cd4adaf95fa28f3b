//! A browser walks through the console, as an operator does, and through the pages of accounts, as someone does with a
//! mouse, with a keyboard alone, and without scripts.

use std::{fs, io, path::Path, process::Command};

use daybook_dev::program::look_for_program;

use super::{Bench, npm};
use crate::{
    catalogue::token,
    failure::{About, Failure},
    people::{PASSWORD, address, make_once},
    settings,
};

/// Names that the program of a browser has. One that is installed is taken: none is downloaded.
const BROWSERS: [&str; 4] = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
/// What all walks have in common.
const SHARED: &str = "browser";

impl Bench<'_> {
    pub(super) async fn walk_through_the_console(&mut self) -> Result<(), Failure> {
        let what = "the console";
        let Some(psql) = look_for_program("psql") else {
            self.skip(what, format_args!("there is no psql"));
            return Ok(());
        };
        let Some(mut walk) = self.prepare_walk(what, "console").await? else { return Ok(()) };
        make_once(self.servers).await?;
        let place = &self.servers.place;
        walk.env("CONSOLE", format!("http://{}", place.noted("admin.listen")))
            .env("API", format!("http://{}", place.noted("api.listen")))
            .env("ADMIN", address("ada"))
            .env("OPERATOR", address("oscar"))
            .env("PASSWORD", PASSWORD)
            .env("TOKEN", token(self.servers, "admin").await?)
            .env("CUSTOMER", token(self.servers, "customer").await?)
            .env("PSQL", psql)
            .env("DATABASE", settings::as_superuser(place, "daybook"));
        self.judge(what, &walk).await
    }

    pub(super) async fn walk_through_the_pages(&mut self) -> Result<(), Failure> {
        let what = "the pages of accounts";
        let Some(mut walk) = self.prepare_walk(what, "pages").await? else { return Ok(()) };
        let place = &self.servers.place;
        walk.env("API", format!("http://{}", place.noted("api.listen"))).env("MAILS", place.join("mail"));
        self.judge(what, &walk).await
    }

    /// The walk whose files are in that folder, with a browser that is there; nothing, if there is none.
    async fn prepare_walk(&mut self, what: &str, folder: &str) -> Result<Option<Command>, Failure> {
        let Some(browser) = BROWSERS.into_iter().find_map(look_for_program) else {
            self.skip(what, format_args!("there is no {}", BROWSERS.join(", nor ")));
            return Ok(None);
        };
        for name in [SHARED, folder] {
            copy_files(&self.files.join(name), &self.home.join(name)).about(name)?;
        }
        if !self.install(what, npm(&self.home.join(SHARED)), "npm").await? {
            return Ok(None);
        }
        let screens = self.home.join(folder).join("screens");
        self.note(format!("pictures of all screens of {what} are in {}", screens.display()));
        let mut walk = Command::new("node");
        walk.arg("walk.mjs")
            .current_dir(self.home.join(folder))
            .env("CHROMIUM", browser)
            .env("SCREENS", screens);
        Ok(Some(walk))
    }
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
