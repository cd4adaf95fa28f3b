//! The audits of `graphql-http`, and the reference implementation of GraphQL.

use std::{fs, process::Command};

use super::{Bench, npm};
use crate::failure::{About, Failure};

impl Bench<'_> {
    pub(super) async fn audit_graphql(&mut self) -> Result<(), Failure> {
        let home = self.home.join("npm");
        fs::create_dir_all(&home).about(home.display())?;
        for name in ["package.json", "package-lock.json", "graphql.mjs"] {
            fs::copy(self.files.join(name), home.join(name)).about(name)?;
        }
        if !self.install("graphql-http", npm(&home), "npm").await? {
            return Ok(());
        }
        let root = self.files.join("../..");
        let mut audit = Command::new("node");
        audit
            .arg("graphql.mjs")
            .current_dir(&home)
            .env("API", format!("http://{}", self.servers.place.noted("api.listen")))
            .env("SCHEMA", root.join("api/graphql/schema.graphql"));
        self.judge("graphql-http", &audit).await
    }
}
