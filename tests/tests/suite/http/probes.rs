//! What programs that watch over a process ask costs it next to nothing.

use daybook_tests::TestApp;
use tokio::task::JoinSet;

/// Catches: a query and a connection for each call.
#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_whether_it_is_ready_share_one_look() {
    let app = TestApp::start().await;
    let mut foreign = app.database.foreign_session().await;
    sqlx::query("BEGIN").execute(&mut foreign).await.unwrap();
    sqlx::query("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").execute(&mut foreign).await.unwrap();
    let mut asking = JoinSet::new();
    for client in [&app.anonymous, app.admin(), &app.telemetry] {
        for _ in 0..4 {
            let client = client.clone();
            asking.spawn(async move { client.get("/readyz").await });
        }
    }
    let mut looks = Vec::new();
    while !asking.is_empty() {
        // A worker that measures the sizes of tables may wait for this one as well.
        looks.push(app.database.queries_waiting_for_lock("FROM _sqlx_migrations").await);
        while let Some(reply) = asking.try_join_next() {
            assert_eq!(reply.unwrap().expect(503).json()["database"], "unreachable");
        }
    }
    assert_eq!(looks.iter().max(), Some(&1), "{looks:?}");
}
