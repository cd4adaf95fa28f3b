//! The log as clients of EventStoreDB read it, through their own client over TLS.

mod bounds;
mod filters;
mod kills;
mod permissions;
mod reads;
mod refusals;
mod subscriptions;

use daybook_core::Config;
use daybook_domain::{feature::Feature, policy::Role, settings::Span};
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

/// The same without TLS, for calls as bytes.
pub async fn plain_shop(change: impl FnOnce(&mut Config)) -> TestApp {
    plain_shop_having(&[], change).await
}

pub async fn plain_shop_having(features: &[Feature], change: impl FnOnce(&mut Config)) -> TestApp {
    let app = TestApp::start_having(features, |config| {
        config.door.listen = "127.0.0.1:0".parse().unwrap();
        config.door.plaintext = true;
        change(config);
    })
    .await;
    app.sell("TEA-1", 1999, 1_000).await;
    app
}

async fn head(app: &TestApp) -> i64 {
    app.database.count("SELECT max(position) FROM events").await
}
