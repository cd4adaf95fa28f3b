//! The log as clients of EventStoreDB read it, through their own client over TLS.

mod filters;
mod reads;
mod refusals;
mod subscriptions;

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{Door, TestApp};
use eventstore::Client;

/// Often enough for a test that waits for it.
const HEARTBEAT_MS: u64 = 200;

/// A shop with a product for sale, whose log is read by an analyst.
async fn shop() -> (TestApp, Door, Client) {
    let door = Door::new();
    let app = TestApp::start_with(|config| {
        config.live.heartbeat = Span::millis(HEARTBEAT_MS);
        door.open(config);
    })
    .await;
    app.sell("TEA-1", 1999, 1_000).await;
    let analyst = door.client(&app, Role::Analyst);
    (app, door, analyst)
}

async fn head(app: &TestApp) -> i64 {
    app.database.count("SELECT max(position) FROM events").await
}
