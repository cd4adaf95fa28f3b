//! A release is upgraded while the one before still runs.

use daybook_domain::policy::Role;
use daybook_tests::{TestApp, until};

use super::{
    operators::verified,
    orders::{order, place},
};

/// PostgreSQL refuses to go on with statements that were prepared before.
/// Catches: connections that are kept over a change of the schema.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_when_the_schema_changes_beneath_it() {
    let app = TestApp::start_with(|config| config.queries.connections = 1).await;
    app.sell("TEA-1", 1999, 100).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    verified(&app).await;
    let admin = app.by(Role::Admin);
    let events = async || admin.get("/v1/events").await;
    events().await.expect(200);

    app.database.execute("ALTER TABLE events ALTER COLUMN event_type TYPE text COLLATE \"C\"").await;
    assert_eq!(events().await.refusal(), "503 unavailable");
    app.database.migrate().await;
    until("it uses other connections", async || events().await.status == 200).await;
    events().await.expect(200);
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    verified(&app).await;
}
