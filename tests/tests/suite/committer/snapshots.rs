//! A long stream is read from its snapshot on, and a snapshot that is of no use changes nothing.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use daybook_commands::{
    Commands,
    orders::{CancelOrderRequest, ConfirmOrder, ShipOrderRequest},
    stock::AdjustStock,
};
use daybook_domain::{policy::Role, stock::Stock};
use daybook_tests::{
    Log, Shop, TestDatabase,
    metrics::{counted, of_labels},
    shop::{ask, by, member, prepared_order, received, refused, sku, submit},
    until,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::task::JoinSet;

/// More than a load ever folds behind a snapshot, in these tests: a snapshot is due after 500 events, and
/// another batch may be under way.
const FEW: f64 = 1_500.0;

/// A database with these products, and nothing of them.
async fn selling(codes: &[&str]) -> TestDatabase {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "first");
    for code in codes {
        shop.sell(code, 100).await;
    }
    shop.close().await;
    database
}

/// How many events a process that knows nothing reads for its first receipt: of the stock, and the two of
/// its product.
async fn events_read_by_a_new_process(database: &TestDatabase, code: &str) -> f64 {
    let before = counted("daybook_committer_events_loaded_total");
    let shop = Shop::open(&database.app_url(), "new");
    shop.receive(code, 1).await.unwrap();
    shop.close().await;
    counted("daybook_committer_events_loaded_total") - before
}

/// Every snapshot is the fold of its stream up to its event.
async fn check_snapshots(database: &TestDatabase) -> usize {
    let kept: Vec<(String, i64, uuid::Uuid, i32, String)> = sqlx::query_as(
        "SELECT aggregate_id, sequence, event_id, shape, state::text FROM snapshots WHERE aggregate_type = 'stock'",
    )
    .fetch_all(&database.superuser)
    .await
    .unwrap();
    let mut log = Log::check(&database.superuser).await;
    let count = kept.len();
    for (id, sequence, event_id, shape, state) in kept {
        let of_it = |record: &&daybook_domain::Record| {
            record.aggregate_type == "stock" && record.aggregate_id == id && record.sequence == sequence
        };
        assert_eq!(log.records.iter().find(of_it).unwrap().event_id, event_id);
        log.records.retain(|record| record.aggregate_id != id || record.sequence <= sequence);
        let kept: Stock = serde_json::from_str(&state).unwrap();
        assert_eq!((kept, shape), (log.stock(&id), 1), "{id} at {sequence}");
    }
    count
}

/// Catches: no snapshot being written when a long stream was loaded, or none being read.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_many_thousand_events_is_loaded_by_folding_few() {
    let database = selling(&["TEAPOT", "CUP"]).await;
    database.lengthen("TEAPOT", 20_000).await;
    database.lengthen("CUP", 10).await;
    assert!(events_read_by_a_new_process(&database, "TEAPOT").await >= 20_000.0);
    assert_eq!(events_read_by_a_new_process(&database, "TEAPOT").await, 3.0);
    assert_eq!(events_read_by_a_new_process(&database, "CUP").await, 12.0, "too short for a snapshot");
    assert_eq!(database.count("SELECT count(*) FROM snapshots").await, 1);
    check_snapshots(&database).await;
    assert_eq!(Log::read(&database.superuser).await.stock("TEAPOT").on_hand, 20_002);
}

/// Catches: snapshots being written at loads only.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_leaves_memory_has_a_snapshot_near_its_end() {
    let database = selling(&["TEAPOT"]).await;
    let shop = Shop::open(&database.app_url(), "shop");
    receive_many(&shop.commands, 4_000).await;
    let gap =
        "SELECT (SELECT max(sequence) FROM events) - coalesce((SELECT max(sequence) FROM snapshots), 0)";
    until("there is a snapshot near its end", async || database.count(gap).await < 1_000).await;
    // The first process is not told to end: it might as well have been killed.
    assert!(events_read_by_a_new_process(&database, "TEAPOT").await < FEW);
    shop.close().await;
    check_snapshots(&database).await;
    assert_eq!(Log::read(&database.superuser).await.stock("TEAPOT").on_hand, 4_001);
}

async fn receive_many(commands: &Commands, count: usize) {
    let left = Arc::new(AtomicU64::new(count as u64));
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        let (commands, left) = (commands.clone(), Arc::clone(&left));
        clients.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                let context = by(Role::Warehouse);
                ask(&commands, context, received("TEAPOT", 1)).await.unwrap();
            }
        });
    }
    clients.join_all().await;
}

/// A snapshot of 3,000 events is spoilt by `sql`; the next load folds them all, and writes it anew.
async fn is_ignored_and_rewritten(sql: &str) {
    let database = selling(&["TEAPOT"]).await;
    database.lengthen("TEAPOT", 3_000).await;
    events_read_by_a_new_process(&database, "TEAPOT").await;
    database.execute(sql).await;
    assert!(events_read_by_a_new_process(&database, "TEAPOT").await > 3_002.0, "{sql}");
    assert_eq!(check_snapshots(&database).await, 1, "{sql}");
    assert!(events_read_by_a_new_process(&database, "TEAPOT").await < FEW, "{sql}");
    assert_eq!(Log::check(&database.superuser).await.stock("TEAPOT").on_hand, 3_003, "{sql}");
}

/// Catches: the shape not being compared.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_shape_is_ignored_and_rewritten() {
    is_ignored_and_rewritten(
        r#"UPDATE snapshots SET shape = 0, state = '{"on_hand":7,"held":0,"allocated":0}'"#,
    )
    .await;
}

/// Catches: the event's id, or its being there at all, not being compared.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_history_is_ignored_and_rewritten() {
    let other = r#"UPDATE snapshots SET state = '{"on_hand":7,"held":0,"allocated":0}', "#;
    is_ignored_and_rewritten(&format!("{other} event_id = gen_random_uuid()")).await;
    is_ignored_and_rewritten(&format!("{other} sequence = sequence + 100000")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_garbage_is_ignored_and_rewritten() {
    for garbage in [r#"{"on_hand":"many"}"#, "[]", "null", r#"{"Known":{}}"#] {
        is_ignored_and_rewritten(&format!("UPDATE snapshots SET state = '{garbage}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_snapshots_a_process_answers_the_same() {
    let database = selling(&["TEAPOT"]).await;
    database.lengthen("TEAPOT", 2_000).await;
    let warm = Shop::open(&database.app_url(), "warm");
    for round in 0..3 {
        let cold = Shop::open(&database.app_url(), "cold");
        for shop in [&warm, &cold] {
            let too_much = 2_000 + 2 * round + 1;
            assert_eq!(refused(shop.buy("TEAPOT", too_much).await), "insufficient_stock");
        }
        for (shop, version) in [(&cold, 2_001), (&warm, 2_002)] {
            let accepted = shop.receive("TEAPOT", 1).await.unwrap();
            assert_eq!(member(&accepted, "/version"), version + 2 * round);
        }
        cold.close().await;
        database.execute("TRUNCATE snapshots").await;
    }
    warm.close().await;
    assert_eq!(Log::check(&database.superuser).await.stock("TEAPOT").on_hand, 2_006);
}

/// Whatever was done, and whenever the process was another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_from_a_snapshot_is_the_fold_of_the_whole_stream() {
    const CODES: [&str; 2] = ["TEAPOT", "CUP"];
    let database = selling(&CODES).await;
    let first = Shop::open(&database.app_url(), "first");
    for code in CODES {
        first.receive(code, 50_000).await.unwrap();
    }
    first.close().await;
    for round in 0..6_u64 {
        let shop = Shop::open(&database.app_url(), "shop");
        let mut clients = JoinSet::new();
        for client in 0..8_u64 {
            let (commands, seed) = (shop.commands.clone(), round * 100 + client);
            clients.spawn(async move { act(&commands, &mut StdRng::seed_from_u64(seed), &CODES).await });
        }
        clients.join_all().await;
        shop.close().await;
        check_snapshots(&database).await;
    }
    assert_eq!(check_snapshots(&database).await, 2);
    for code in CODES {
        assert!(events_read_by_a_new_process(&database, code).await < FEW);
    }
    Log::check(&database.superuser).await;
}

async fn act(commands: &Commands, random: &mut StdRng, codes: &[&str]) {
    let mut placed = Vec::new();
    for _ in 0..60 {
        let code = codes.choose(random).unwrap();
        let pieces = random.random_range(1..40);
        let _ = match random.random_range(0..10) {
            0..2 => ask(commands, by(Role::Warehouse), received(code, pieces)).await,
            2 => {
                ask(
                    commands,
                    by(Role::Warehouse),
                    AdjustStock { sku: sku(code), delta: -pieces, reason: "counted".parse().unwrap() },
                )
                .await
            }
            3..7 => {
                let order = prepared_order(&[(code, pieces)]);
                placed.push(order.id);
                submit(commands, by(Role::Customer), order).await
            }
            chosen => {
                let Some(id) = placed.choose(random).copied() else { continue };
                match chosen {
                    7 => {
                        ask(commands, by(Role::Support), CancelOrderRequest { id, reason: None, lines: None })
                            .await
                    }
                    8 => ask(commands, by(Role::Support), ConfirmOrder { id }).await,
                    _ => {
                        ask(
                            commands,
                            by(Role::Warehouse),
                            ShipOrderRequest { id, pieces: None, tracking: None },
                        )
                        .await
                    }
                }
            }
        };
    }
}

/// Each is decided again under the lock whenever the other was faster. Catches: a state being kept that
/// was decided ahead and never appended.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_stream_keep_true_snapshots() {
    let database = selling(&["TEAPOT"]).await;
    let shops = [Shop::open(&database.app_url(), "a"), Shop::open(&database.app_url(), "b")];
    tokio::join!(receive_many(&shops[0].commands, 2_000), receive_many(&shops[1].commands, 2_000));
    for shop in shops {
        shop.close().await;
    }
    assert_eq!(check_snapshots(&database).await, 1);
    assert!(events_read_by_a_new_process(&database, "TEAPOT").await < FEW);
    assert_eq!(Log::check(&database.superuser).await.stock("TEAPOT").on_hand, 4_001);
}

/// Catches: an append that waits for a snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_written_holds_up_no_command() {
    let database = selling(&["TEAPOT"]).await;
    let shop = Shop::open(&database.app_url(), "shop");
    let mut foreign = database.foreign_session().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE snapshots IN SHARE MODE").execute(&mut foreign).await.unwrap();
    receive_many(&shop.commands, 1_500).await;
    until("a snapshot waits", async || database.waiting_for_lock("loading").await == 1).await;
    shop.receive("TEAPOT", 1).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM snapshots").await, 0);
    sqlx::raw_sql("COMMIT").execute(&mut foreign).await.unwrap();
    until("it is written", async || database.count("SELECT count(*) FROM snapshots").await == 1).await;

    database.execute("REVOKE EXECUTE ON FUNCTION write_snapshots FROM daybook_app").await;
    receive_many(&shop.commands, 1_500).await;
    let lost = [("outcome", "lost")];
    until("a snapshot is lost", async || of_labels("daybook_committer_snapshots_total", &lost) > 0.0).await;
    shop.receive("TEAPOT", 1).await.unwrap();
    shop.close().await;
    check_snapshots(&database).await;
}
