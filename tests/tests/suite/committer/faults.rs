//! Broken connections: what was acknowledged happened once, what is unknown at most once, and what is
//! called unavailable not at all.

use daybook_commands::{Failure, Settings};
use daybook_domain::{ids::OrderId, policy::Role, settings::Span};
use daybook_tests::{
    Log, Proxy, Shop, TestDatabase,
    proxy::Weather,
    shop::{ask, ask_for, by, failed, keyed, new_id, order, order_id},
    until,
};
use sqlx::{Executor, PgConnection};
use tokio::task::JoinSet;

use super::buyers::{Buyers, check, stocked};

pub async fn take_append_lock(session: &mut PgConnection) {
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(session).await.unwrap();
}

pub async fn give_append_lock(session: &mut PgConnection) {
    sqlx::query("SELECT pg_advisory_unlock(log_lock())").execute(session).await.unwrap();
}

/// A storm, in addition: the planted bugs are caught by the tests that lose one answer at a chosen moment.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_killed_lose_nothing_and_repeat_nothing() {
    const KILLS: u32 = 15;
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "victim", Settings::default()).await;
    let buyers = Buyers::of(&[&shop]);
    let mut kills = 0;
    while kills < KILLS {
        buyers.progress(20).await;
        kills += u32::from(database.kill_sessions("victim").await > 0);
    }
    let orders = buyers.end().await;
    shop.close().await;
    check(&Log::check(&database.superuser).await, &orders);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_is_killed_while_it_waits_for_the_lock_is_done_once() {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "victim", Settings::default()).await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let mut buyers = JoinSet::new();
    for buyer in 0..8 {
        let commands = shop.commands.clone();
        let context = keyed(by(Role::Customer), &format!("K{buyer}"));
        buyers.spawn(async move { ask(&commands, context, order(&[("TEAPOT", 1)])).await });
    }
    // One that was killed may be seen for another moment.
    let mut kills = 0;
    while kills < 3 {
        until("the append waits", async || database.waiting_for_lock("victim").await > 0).await;
        kills += database.kill_sessions("victim").await;
    }
    until("the append waits", async || database.waiting_for_lock("victim").await == 1).await;
    give_append_lock(&mut foreign).await;
    let placed: Vec<_> = buyers.join_all().await.into_iter().map(|a| order_id(&a.unwrap())).collect();
    shop.close().await;
    let log = Log::check(&database.superuser).await;
    assert!(placed.iter().all(|id| log.times_placed(*id) == 1));
    assert_eq!(log.orders().len(), 8);
}

/// The append arrives, its answer doesn't.
async fn an_answer_is_lost(is_cut: bool, settings: Settings) {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.app_url()).await;
    let url = proxy.url(&database.app_url());
    let shop = Shop::open_apart(&database.app_url(), &url, "victim", settings);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let head = Log::read(&database.superuser).await.head();
    proxy.set(Weather::AnswersLost);
    let commands = shop.commands.clone();
    let mut buyer = JoinSet::new();
    buyer.spawn(async move { ask(&commands, keyed(by(Role::Customer), "K"), order(&[("TEAPOT", 3)])).await });
    until("it is committed", async || Log::read(&database.superuser).await.head() > head).await;
    proxy.set(Weather::Fair);
    if is_cut {
        proxy.cut();
    }
    let placed = buyer.join_next().await.unwrap().unwrap().unwrap();
    assert!(!placed.replayed);
    let repeat = shop.place(keyed(by(Role::Customer), "K"), order(&[("TEAPOT", 3)])).await.unwrap();
    assert!(repeat.replayed);
    assert_eq!((repeat.position, repeat.id), (placed.position, placed.id));
    shop.close().await;
    let log = Log::check(&database.superuser).await;
    assert_eq!((log.orders().len(), log.stock("TEAPOT").held), (1, 3));
    assert_eq!(log.head(), placed.position);
}

/// Catches: an append that is repeated without looking for the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_acknowledged() {
    an_answer_is_lost(true, Settings::default()).await;
}

/// The connection's end is not told: only the time limit of the append shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_connection_fell_silent_is_acknowledged() {
    let settings = Settings { append_timeout: Span::millis(500), ..Settings::default() };
    an_answer_is_lost(false, settings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_never_arrived_is_sent_again() {
    let database = TestDatabase::new().await;
    let mut proxy = Proxy::to(&database.app_url()).await;
    let url = proxy.url(&database.app_url());
    let settings = Settings { append_timeout: Span::millis(500), ..Settings::default() };
    let shop = Shop::open_apart(&database.app_url(), &url, "victim", settings);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    proxy.set(Weather::BlackholeFrom("StockHeld"));
    let commands = shop.commands.clone();
    let mut buyer = JoinSet::new();
    buyer.spawn(async move { ask(&commands, by(Role::Customer), order(&[("TEAPOT", 3)])).await });
    proxy.struck().await;
    proxy.set(Weather::Fair);
    let placed = buyer.join_next().await.unwrap().unwrap().unwrap();
    shop.close().await;
    let log = Log::check(&database.superuser).await;
    assert_eq!(log.times_placed(order_id(&placed)), 1);
    assert_eq!(log.stock("TEAPOT").held, 3);
}

/// The database can't be asked: then no command is told that it failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_out_is_called_unknown() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.app_url()).await;
    let url = proxy.url(&database.app_url());
    let settings = Settings {
        append_timeout: Span::millis(500),
        resolve_timeout: Span::millis(500),
        ..Settings::default()
    };
    let shop = Shop::open_apart(&database.app_url(), &url, "victim", settings);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    proxy.set(Weather::AnswersLost);
    let context = || keyed(by(Role::Customer), "K");
    let id = new_id();
    let asked = ask_for(&shop.commands, context(), order(&[("TEAPOT", 3)]), id);
    assert_eq!(failed(asked.await), Failure::OutcomeUnknown);
    // Known not to have happened: there was no connection to begin with.
    assert_eq!(failed(shop.receive("TEAPOT", 1).await), Failure::Unavailable);
    proxy.set(Weather::Away);
    proxy.cut();
    assert_eq!(failed(shop.receive("TEAPOT", 1).await), Failure::Unavailable);
    proxy.set(Weather::Fair);
    let repeat = shop.place(context(), order(&[("TEAPOT", 3)])).await.unwrap();
    assert!(repeat.replayed);
    assert_eq!(order_id(&repeat), OrderId::new(id));
    shop.close().await;
    let log = Log::check(&database.superuser).await;
    assert_eq!((log.orders().len(), log.stock("TEAPOT").on_hand), (1, 10));
}

/// A process that stands still in the middle of its locked transaction, as after SIGSTOP: the database
/// ends its session. Without that, the other one would be told after ten seconds that it can't have the
/// lock. Catches: no idle_in_transaction_session_timeout of the committer's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_does_not_keep_the_append_lock() {
    let database = TestDatabase::new().await;
    let mut proxy = Proxy::to(&database.app_url()).await;
    let a = stocked(&database, "a", Settings::default()).await;
    let settings = Settings { append_timeout: Span::seconds(3), ..Settings::default() };
    let by_proxy = proxy.url(&database.app_url());
    let b = Shop::open_apart(&database.app_url(), &by_proxy, "b", settings);
    b.buy("TEAPOT", 1).await.unwrap();
    // b's batch will be outdated, so it will begin a transaction, take the lock, and ask for streams.
    a.receive("TEAPOT", 1).await.unwrap();
    proxy.set(Weather::BlackholeFrom("AS w(kind, id, shape, place)"));
    let commands = b.commands.clone();
    let mut stopped = JoinSet::new();
    stopped.spawn(async move { ask(&commands, by(Role::Customer), order(&[("TEAPOT", 1)])).await });
    proxy.struck().await;
    let holds = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                  WHERE locktype = 'advisory' AND granted AND application_name = 'b'
                    AND datname = current_database()";
    assert_eq!(database.count(holds).await, 1);
    a.buy("TEAPOT", 1).await.unwrap();
    proxy.set(Weather::Fair);
    proxy.cut();
    stopped.join_next().await.unwrap().unwrap().unwrap();
    a.close().await;
    b.close().await;
    assert_eq!(Log::check(&database.superuser).await.sold("TEAPOT"), 3);
}

/// Catches: numbering that rests on the oldest running transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_transaction_that_never_ends_holds_up_nobody() {
    let database = TestDatabase::new().await;
    let mut foreign = database.foreign_session().await;
    for sql in ["CREATE TABLE foreign_work (n int)", "BEGIN", "INSERT INTO foreign_work VALUES (1)"] {
        sqlx::query(sql).execute(&mut foreign).await.unwrap();
    }
    sqlx::query("SELECT count(*) FROM events").execute(&mut foreign).await.unwrap();
    let shop = stocked(&database, "shop", Settings::default()).await;
    for _ in 0..50 {
        shop.buy("TEAPOT", 1).await.unwrap();
    }
    assert_eq!(Log::check(&database.superuser).await.sold("TEAPOT"), 50);
    sqlx::query("ROLLBACK").execute(&mut foreign).await.unwrap();
    shop.close().await;
    Log::check(&database.superuser).await;
}

/// The database ends a deadlock with a foreign session at the expense of a command that is decided again.
/// Catches: a refusal of its data, which was what it got for every kind of conflict.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_not_the_commands_fault() {
    let database = TestDatabase::new().await;
    let a = stocked(&database, "a", Settings::default()).await;
    let b = Shop::open(&database.app_url(), "b");
    b.buy("TEAPOT", 1).await.unwrap();
    // b's batch will be outdated, so it will be decided again under the append lock.
    a.receive("TEAPOT", 1).await.unwrap();
    let mut foreign = database.foreign_session().await;
    // The other side looks for the deadlock first, and gives way.
    for sql in ["SET deadlock_timeout = '30s'", "BEGIN", "LOCK TABLE events IN SHARE MODE"] {
        foreign.execute(sql).await.unwrap();
    }
    let commands = b.commands.clone();
    let mut buyer = JoinSet::new();
    let context = keyed(by(Role::Customer), "K");
    buyer.spawn(async move { ask(&commands, context, order(&[("TEAPOT", 1)])).await });
    until("it waits for the log", async || database.waiting_for_lock("b").await == 1).await;
    foreign.execute("LOCK TABLE idempotency_keys IN SHARE MODE").await.unwrap();
    foreign.execute("ROLLBACK").await.unwrap();
    let placed = buyer.join_next().await.unwrap().unwrap().unwrap();
    a.close().await;
    b.close().await;
    assert_eq!(Log::check(&database.superuser).await.times_placed(order_id(&placed)), 1);
}

/// The database refuses a value that the domain let through: the commands beside it don't suffer.
#[tokio::test(flavor = "multi_thread")]
async fn data_that_cannot_be_stored_hits_its_own_command_only() {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "shop", Settings::default()).await;
    database.execute("ALTER TABLE events ADD CHECK (payload::text NOT LIKE '%UNSTORABLE%')").await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let mut buyers = JoinSet::new();
    for buyer in 0..40 {
        let commands = shop.commands.clone();
        let mut order = order(&[("TEAPOT", 1)]);
        let bad = buyer == 13 || buyer == 14 || buyer == 39;
        order.external_id =
            Some(format!("{}-{buyer}", if bad { "UNSTORABLE" } else { "good" }).parse().unwrap());
        buyers.spawn(async move {
            let answer = ask(&commands, by(Role::Customer), order).await;
            (bad, answer)
        });
        if buyer == 0 {
            // The rest will be one batch.
            until("the append waits", async || database.waiting_for_lock("shop").await == 1).await;
        }
    }
    give_append_lock(&mut foreign).await;
    for (bad, answer) in buyers.join_all().await {
        if bad {
            assert_eq!(daybook_tests::shop::refused(answer), "validation_failed");
        } else {
            answer.unwrap();
        }
    }
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.orders().len(), 37);
}

/// What can't be folded stops the commands that need it, and no others.
#[tokio::test]
async fn a_stream_that_cannot_be_read_stops_its_own_commands_only() {
    let database = TestDatabase::new().await;
    let a = stocked(&database, "a", Settings::default()).await;
    a.sell("CUP", 450).await;
    a.receive("CUP", 10).await.unwrap();
    database
        .change_log("UPDATE events SET event_type = 'StockTeleported' WHERE aggregate_id = 'CUP' AND sequence = 1 AND aggregate_type = 'stock'")
        .await;
    let b = Shop::open(&database.app_url(), "b");
    let mut buyers = JoinSet::new();
    for code in ["TEAPOT", "CUP"] {
        let commands = b.commands.clone();
        buyers.spawn(async move { (code, ask(&commands, by(Role::Customer), order(&[(code, 1)])).await) });
    }
    for (code, answer) in buyers.join_all().await {
        match code {
            "TEAPOT" => drop(answer.unwrap()),
            _ => assert_eq!(failed(answer), Failure::Internal),
        }
    }
    a.close().await;
    b.close().await;
}
