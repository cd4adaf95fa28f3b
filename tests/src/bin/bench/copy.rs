//! A COPY of the log out of the database to a client that throws it away: no reader of the log is faster.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use daybook_tests::{TestDatabase, server::find_program};

/// All of it.
pub const COPY: &str = "COPY events TO STDOUT";

/// Seconds that psql takes for this.
pub fn copied(database: &TestDatabase, copy: &str) -> f64 {
    let mut psql = Command::new(find_program("psql"));
    psql.arg(database.superuser_url().as_str()).args(["-X", "-q", "-c", copy]);
    let begun = Instant::now();
    let status = psql.stdout(Stdio::null()).status().expect("psql runs");
    assert!(status.success(), "{copy}");
    begun.elapsed().as_secs_f64()
}
