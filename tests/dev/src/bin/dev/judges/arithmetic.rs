//! What orders come to with their taxes is calculated a second time, by a program that knows only how it is described.

use std::process::Command;

use daybook_dev::program::look_for_program;

use super::{Bench, SEED, USUAL_SEED, setting};
use crate::{failure::Failure, surroundings::Surroundings};

/// A file of invoices, in the layout of `daybook load --orders`, to take instead of the sample.
const INVOICES: &str = "JUDGES_INVOICES";
const SAMPLE: &str = "tests/data/sample-orders.csv";

impl Bench<'_> {
    pub(super) async fn calculate(&mut self, around: &Surroundings) -> Result<(), Failure> {
        let Some(python) = look_for_program("python3") else {
            self.skip("the arithmetic", format_args!("there is no python3"));
            return Ok(());
        };
        let invoices = setting(INVOICES).map(|path| around.caller.join(path));
        let mut calculated = Command::new(python);
        calculated
            .arg(self.files.join("arithmetic.py"))
            .env("PRICING", around.programs.join("pricing"))
            .env("INVOICES", invoices.unwrap_or_else(|| around.root.join(SAMPLE)))
            .env("SEED", setting(SEED).unwrap_or_else(|| USUAL_SEED.to_owned()));
        self.judge("the arithmetic", &calculated).await
    }
}
