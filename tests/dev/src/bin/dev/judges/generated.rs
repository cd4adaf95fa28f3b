//! Clients that are generated from the OpenAPI documents of the running server, and the programs of the page for clients,
//! which are compiled strictly with them and run.

use std::{env, ffi::OsString, fs, path::Path, process::Command};

use super::{Bench, npm, python};
use crate::{
    catalogue::token,
    failure::{About, Failure},
};

const FILES: [&str; 8] = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "shop.json",
    "operators.json",
    "functions.json",
    "operators.ts",
    "daybook.yaml",
];

/// What follows the three ticks of a program's parts on the page, and the file that the program becomes.
const PROGRAMS: [(&str, &str); 4] = [
    ("ts openapi-fetch", "shop.ts"),
    ("js openapi-ts.config.mjs", "openapi-ts.config.mjs"),
    ("ts hey-api", "functions.ts"),
    ("python", "python/shop.py"),
];

impl Bench<'_> {
    pub(super) async fn generate_clients(&mut self) -> Result<(), Failure> {
        let (home, files) = (self.home.join("generated"), self.files.join("generated"));
        fs::create_dir_all(home.join("python")).about(home.display())?;
        for name in FILES {
            fs::copy(files.join(name), home.join(name)).about(name)?;
        }
        fs::copy(files.join("pyrightconfig.json"), home.join("python/pyrightconfig.json")).about("a copy")?;
        write_programs(&self.files.join("../../docs/clients.md"), &home)?;
        if !self.install("generators of npm", npm(&home), "npm").await? {
            return Ok(());
        }
        for script in ["openapi-fetch", "operators", "hey-api"] {
            self.run_script(&home, script, env::var_os("PATH").unwrap_or_default()).await?;
        }
        let environment = self.home.join("generated-python");
        let install = python(&environment, &files.join("requirements.txt"));
        if !self.install("openapi-python-client", install, "python3").await? {
            return Ok(());
        }
        let mut path = environment.join("bin").into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        self.run_script(&home, "python", path).await
    }

    /// One of the scripts in `package.json`.
    async fn run_script(&mut self, home: &Path, script: &str, path: OsString) -> Result<(), Failure> {
        let place = &self.servers.place;
        let mut run = Command::new("npm");
        run.args(["run", "--silent", script])
            .current_dir(home)
            .env("PATH", path)
            .env("DOCUMENTS", &self.documents)
            .env("DAYBOOK_API", format!("http://{}", place.noted("api.listen")))
            .env("DAYBOOK_ADMIN_API", format!("http://{}", place.noted("admin.listen")))
            .env("DAYBOOK_TOKEN", token(self.servers, "customer").await?)
            .env("DAYBOOK_ANALYST_TOKEN", token(self.servers, "analyst").await?)
            .env("DAYBOOK_ADMIN_TOKEN", token(self.servers, "operator").await?);
        self.judge(&format!("a client made for {script}"), &run).await
    }
}

/// Puts the parts of each program on the page together.
fn write_programs(page: &Path, home: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(page).about(page.display())?;
    for (mark, name) in PROGRAMS {
        let path = home.join(name);
        fs::write(&path, program(&text, mark)).about(path.display())?;
    }
    Ok(())
}

fn program(page: &str, mark: &str) -> String {
    let begin = format!("```{mark}\n");
    let parts = page.split(&begin).skip(1).filter_map(|rest| rest.split("\n```").next());
    parts.map(|part| format!("{part}\n")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_all_its_parts_in_their_order() {
        let page = "Text.\n```ts a\none\n\ntwo\n```\n```ts b\nother\n```\n```ts a\nthree\n```\n";
        assert_eq!(program(page, "ts a"), "one\n\ntwo\n\nthree\n");
        assert_eq!(program(page, "ts c"), "");
    }
}
