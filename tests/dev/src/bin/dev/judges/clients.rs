//! Clients of EventStoreDB read and follow the log through the door, and find what the HTTP API exports.

use std::{fs, path::PathBuf, process::Command};

use super::{Bench, python};
use crate::{
    authority,
    catalogue::token,
    failure::{About, Failure},
    settings,
};

/// Modules of PyPI. They need different releases of the same packages, so each has an environment of its own.
const OF_PYPI: [&str; 2] = ["esdbclient", "kurrentdbclient"];
/// Packages of npm.
const OF_NPM: [&str; 2] = ["@eventstore/db-client", "@kurrent/kurrentdb-client"];

impl Bench<'_> {
    pub(super) async fn open_the_door(&mut self) -> Result<(), Failure> {
        let files = self.files.join("clients");
        for module in OF_PYPI {
            let home = self.home.join(module);
            let install = python(&home, &files.join(format!("{module}.txt")));
            if self.install(module, install, "python3").await? {
                let mut client = Command::new(home.join("bin/python"));
                client.arg(files.join("door_client.py")).arg(module);
                self.let_in(module, client).await?;
            }
        }
        let home = self.home.join("clients");
        fs::create_dir_all(&home).about(home.display())?;
        for name in ["package.json", "package-lock.json", "door_client.mjs"] {
            fs::copy(files.join(name), home.join(name)).about(name)?;
        }
        if self.install("clients of npm", super::npm(&home), "npm").await? {
            for package in OF_NPM {
                let mut client = Command::new("node");
                client.arg("door_client.mjs").arg(package).current_dir(&home);
                self.let_in(package, client).await?;
            }
        }
        Ok(())
    }

    async fn let_in(&mut self, name: &str, mut client: Command) -> Result<(), Failure> {
        let place = &self.servers.place;
        let ca_file: PathBuf = authority::ca_file(place);
        client
            .env("API", format!("http://{}", place.noted("api.listen")))
            .env("DOOR", settings::door(place))
            .env("CA_FILE", ca_file);
        for role in ["analyst", "customer", "warehouse"] {
            client.env(role.to_uppercase(), token(self.servers, role).await?);
        }
        self.judge(&format!("{name} at the door"), &client).await
    }
}
