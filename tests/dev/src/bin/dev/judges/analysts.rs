//! The queries of the page for analysts have the same answers from Parquet files and from the views.

use std::process::Command;

use super::{Bench, python};
use crate::{banner::connection_string, catalogue::token, failure::Failure, settings};

impl Bench<'_> {
    pub(super) async fn ask_as_analyst(&mut self) -> Result<(), Failure> {
        let (home, files) = (self.home.join("analysts"), self.files.join("analysts"));
        let install = python(&home, &files.join("requirements.txt"));
        if !self.install("DuckDB", install, "python3").await? {
            return Ok(());
        }
        let place = &self.servers.place;
        let analyst = token(self.servers, "analyst").await?;
        let mut asked = Command::new(home.join("bin/python"));
        asked
            .arg(files.join("queries.py"))
            .env("API", format!("http://{}", place.noted("api.listen")))
            .env("ADMIN", token(self.servers, "admin").await?)
            .env("ANALYSTS", settings::analyst_url(place))
            .env("DAYBOOK", self.servers.daybook(&[""; 0]).get_program())
            .env("FROM", connection_string(place, &analyst))
            .env("PAGE", self.files.join("../../docs/analysts.md"));
        self.judge("the queries for analysts", &asked).await
    }
}
