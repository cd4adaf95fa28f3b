//! A browser walks through the console, as an operator does, and axe looks at each screen.

use std::{fs, process::Command};

use daybook_dev::program::look_for_program;

use super::{Bench, npm, pages::BROWSERS};
use crate::{
    catalogue::token,
    failure::{About, Failure},
    people::{PASSWORD, address, make_once},
    settings,
};

const FILES: [&str; 7] =
    ["package.json", "package-lock.json", "walk.mjs", "operator.mjs", "shop.mjs", "looks.mjs", "watch.mjs"];

impl Bench<'_> {
    pub(super) async fn walk_through_the_console(&mut self) -> Result<(), Failure> {
        let what = "the console";
        let Some(browser) = BROWSERS.into_iter().find_map(look_for_program) else {
            self.skip(what, format_args!("there is no {}", BROWSERS.join(", nor ")));
            return Ok(());
        };
        let Some(psql) = look_for_program("psql") else {
            self.skip(what, format_args!("there is no psql"));
            return Ok(());
        };
        let (home, files) = (self.home.join("console"), self.files.join("console"));
        fs::create_dir_all(&home).about(home.display())?;
        for name in FILES {
            fs::copy(files.join(name), home.join(name)).about(name)?;
        }
        // It has the authenticator app.
        fs::copy(self.files.join("pages/mails.mjs"), home.join("mails.mjs")).about("mails.mjs")?;
        if !self.install(what, npm(&home), "npm").await? {
            return Ok(());
        }
        make_once(self.servers).await?;
        let place = &self.servers.place;
        let screens = home.join("screens");
        let mut walk = Command::new("node");
        walk.arg("walk.mjs")
            .current_dir(&home)
            .env("CONSOLE", format!("http://{}", place.noted("admin.listen")))
            .env("API", format!("http://{}", place.noted("api.listen")))
            .env("ADMIN", address("ada"))
            .env("OPERATOR", address("oscar"))
            .env("PASSWORD", PASSWORD)
            .env("TOKEN", token(self.servers, "admin").await?)
            .env("CUSTOMER", token(self.servers, "customer").await?)
            .env("PSQL", psql)
            .env("DATABASE", settings::as_superuser(place, "daybook"))
            .env("CHROMIUM", browser)
            .env("SCREENS", &screens);
        self.judge(what, &walk).await?;
        self.note(format!("pictures of all screens of the console are in {}", screens.display()));
        Ok(())
    }
}
