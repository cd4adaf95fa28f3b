//! The log in files, as people and scripts make them of a database or of a running server.

mod lines;
mod parquet;
mod tables;

use daybook_domain::policy::Role;
use daybook_tests::{Door, TestApp, exporter::Exporter};

use crate::http::published::parsed;

/// A shop with a door, in which something is sold.
async fn shop() -> (TestApp, Door) {
    let door = Door::new();
    let app = TestApp::start_with(|config| door.open(config)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    (app, door)
}

/// Where a running server's log is read, with the token of someone of this role.
fn from(app: &TestApp, door: &Door, role: Role) -> String {
    door.connection_string(app.door(), "esdb", &app.token(role.as_str(), &[role]))
}

fn at_database(app: &TestApp) -> Exporter {
    Exporter::at_database(app.config.database_url.expose())
}

fn positions(lines: &str) -> Vec<i64> {
    parsed(lines).iter().map(|event| event["position"].as_i64().expect("a position")).collect()
}
