//! The ledger of effects as a schedule: lanes, what is due later, what waits for others, and what a look at it costs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use daybook_domain::{
    reactions::{EffectKind, Lane},
    settings::Span,
};
use daybook_projections::{ClaimedEffect, EffectError, Operators, Performer, reactor, settings::Effects};
use daybook_tests::{Performers, TestApp, TestDatabase, until};
use serde_json::Value;
use sqlx::{ConnectOptions, Executor, PgConnection, Row, postgres::PgConnectOptions};
use tokio::sync::{Semaphore, SemaphorePermit as Permit};

use crate::http::mails::order_with_mail;

/// Does what targets say.
struct AsTold {
    tried: Mutex<Vec<String>>,
    /// What hangs goes on when it is let go.
    let_go: Semaphore,
}

impl AsTold {
    /// The targets, in the order in which their tries began.
    fn tried(&self) -> Vec<String> {
        self.tried.lock().unwrap().clone()
    }
}

#[async_trait]
impl Performer for AsTold {
    async fn perform(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        let is_first = {
            let mut tried = self.tried.lock().unwrap();
            tried.push(effect.target.clone());
            tried.iter().filter(|target| **target == effect.target).count() == 1
        };
        match effect.target.split(' ').next() {
            Some("hangs") => self.let_go.acquire().await.map(Permit::forget).map_err(|_| unreachable!()),
            Some("fails") if is_first => Err(EffectError::Retry("not today".into())),
            Some("early") if is_first => Err(EffectError::Later(Duration::from_secs(3_600))),
            Some("never") => Err(EffectError::GiveUp("it can't be".into())),
            _ => Ok(()),
        }
    }
}

/// Performers, and what they have tried.
fn start(database: &TestDatabase, effects: Effects) -> (Performers, Arc<AsTold>) {
    let told = Arc::new(AsTold { tried: Mutex::default(), let_go: Semaphore::new(0) });
    let performer: Arc<dyn Performer> = Arc::<AsTold>::clone(&told);
    (Performers::start(database, effects, performer), told)
}

/// What is to be done: mails, as the release before writes them, one for each target.
async fn write_down(database: &TestDatabase, targets: &[&str]) {
    for target in targets {
        database
            .execute(&format!(
                "INSERT INTO effects (event_id, position, kind, target)
                 VALUES (gen_random_uuid(), 1, 'mail.order_placed', '{target}')"
            ))
            .await;
    }
}

async fn left(database: &TestDatabase) -> i64 {
    database.count("SELECT count(*) FROM effects WHERE state = 'pending'").await
}

/// However long the test takes.
const NOT_YET: &str = "UPDATE effects SET due_at = now() + interval '1 hour' WHERE failing_since IS NOT NULL";
/// As if the pause were over.
const DUE_NOW: &str = "UPDATE effects SET due_at = now() WHERE state = 'pending'";

/// Hard case: 500,000 timers are due tomorrow, and mails wait that no process sends. Catches: a time that changes within the
/// statement; an index of all lanes; a count of what waits; a plan that was made when the ledger was empty.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_million_timers_cost_nothing() {
    let database = TestDatabase::new().await;
    let mut session = Session::open(&database).await;
    assert_eq!(rows(&session.claim(Lane::Clock).await), 0);
    database
        .execute(
            "INSERT INTO effects (event_id, position, kind, target, lane, due_at, subject)
             SELECT gen_random_uuid(), n, 'account.erase', n, 'clock', now() + interval '1 day', n
               FROM generate_series(1, 500000) n;
             INSERT INTO effects (event_id, position, kind, target, order_key)
             SELECT gen_random_uuid(), n, 'mail.order_placed', n, n / 2 FROM generate_series(1, 50000) n",
        )
        .await;
    for analyzed in [false, true] {
        if analyzed {
            database.execute("ANALYZE effects").await;
        }
        let clock = session.claim(Lane::Clock).await;
        assert!(clock.to_string().contains("(due_at <= statement_timestamp())"), "{clock:#}");
        assert_eq!(rows(&clock), 0);
        assert!(buffers(&clock) < 20, "{} buffers: {clock:#}", buffers(&clock));
        let post = session.claim(Lane::Post).await;
        assert_eq!(rows(&post), 8);
        assert!(buffers(&post) < 400, "{} buffers: {post:#}", buffers(&post));
        assert!(most_rows(&post["Plan"]) < 100.0, "{post:#}");
        let due = session.explained(reactor::DUE).await;
        assert!(most_rows(&due["Plan"]) <= 50_000.0, "of the mails only: {due:#}");
    }
}

/// A session as those have who claim.
struct Session(PgConnection);

impl Session {
    async fn open(database: &TestDatabase) -> Self {
        let connect: PgConnectOptions = database.superuser_url().as_str().parse().unwrap();
        let mut session = connect.options(reactor::BY_INDEX).connect().await.expect("a session");
        let claim = format!("PREPARE claim (float8, text, text[], bigint) AS {}", reactor::CLAIM);
        session.execute(claim.as_str()).await.expect("it can be prepared");
        Self(session)
    }

    /// What it does to claim eight effects of this lane.
    async fn claim(&mut self, lane: Lane) -> Value {
        let kinds = EffectKind::WORDS.join(",");
        self.explained(&format!("EXECUTE claim (60, '{lane}', '{{{kinds}}}', 8)")).await
    }

    async fn explained(&mut self, statement: &str) -> Value {
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}");
        let plan = self.0.fetch_one(explain.as_str()).await.expect("a plan");
        plan.get::<Value, _>(0)[0].clone()
    }
}

fn buffers(plan: &Value) -> i64 {
    let of = |name: &str| plan["Plan"][name].as_i64().unwrap();
    of("Shared Hit Blocks") + of("Shared Read Blocks")
}

/// The most rows that a part of the plan came by, those included that it passed over.
fn most_rows(part: &Value) -> f64 {
    let of = |name: &str| part[name].as_f64().unwrap_or_default();
    let here = of("Actual Rows") + of("Rows Removed by Filter");
    part["Plans"].as_array().into_iter().flatten().map(most_rows).fold(here, f64::max)
}

fn rows(plan: &Value) -> i64 {
    plan["Plan"]["Actual Rows"].as_i64().expect("it was executed")
}

/// Hard case, narrowed to lanes. Catches: lanes that share their places or their claims; one that claims more than it has
/// places for.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_delays_no_other_lane() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "INSERT INTO effects (event_id, position, kind, target)
             SELECT gen_random_uuid(), 1, 'mail.order_placed', 'hangs ' || n FROM generate_series(1, 1000) n",
        )
        .await;
    let (performers, told) = start(&database, Effects::default());
    until("as many hang as may", async || told.tried().len() == 8).await;
    database
        .execute(
            "INSERT INTO effects (event_id, position, kind, target, lane)
             SELECT gen_random_uuid(), 1, 'account.erase', n, 'clock' FROM generate_series(1, 100) n",
        )
        .await;
    let done = "SELECT count(*) FROM effects WHERE state = 'done' AND lane = 'clock'";
    until("the others are done", async || database.count(done).await == 100).await;
    let claimed = "SELECT count(*) FROM effects WHERE lane = 'post' AND attempts > 0";
    assert_eq!(database.count(claimed).await, 8, "nothing is claimed that has no place");
    told.let_go.add_permits(1_000);
    performers.stop().await;
}

/// Catches: a batch that waits for its slowest effect.
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_hangs_has_its_place_and_no_other() {
    let database = TestDatabase::new().await;
    write_down(&database, &["hangs", "a", "b", "c", "d", "e", "f"]).await;
    let effects = Effects { concurrency: 2, timeout: Span::seconds(3), ..Effects::default() };
    let (performers, told) = start(&database, effects);
    until("all the others are done", async || left(&database).await == 1).await;
    let over = "SELECT count(*) FROM effects WHERE target = 'hangs' AND last_error = 'took longer than 3s'";
    until("its time is over", async || database.count(over).await == 1).await;
    told.let_go.add_permits(1);
    performers.stop().await;
}

/// Catches: an order that is told that it was shipped, and then that it was placed; one that fails and holds up what has
/// nothing to do with it, or holds up its own for ever.
#[tokio::test(flavor = "multi_thread")]
async fn effects_with_the_same_key_are_performed_in_the_order_of_their_events() {
    let database = TestDatabase::new().await;
    let in_order = async |position: i64, target: &str| {
        database
            .execute(&format!(
                "INSERT INTO effects (event_id, position, kind, target, order_key)
                 VALUES (gen_random_uuid(), {position}, 'mail.order_placed', '{target}', 'x')"
            ))
            .await;
    };
    // The last one is written down first.
    for (position, target) in [(4, "last"), (3, "third"), (2, "never"), (1, "fails")] {
        in_order(position, target).await;
    }
    write_down(&database, &["other"]).await;
    let (performers, told) = start(&database, Effects::default());
    let failing = "SELECT count(*) FROM effects WHERE failing_since IS NOT NULL";
    until("the first has failed", async || database.count(failing).await == 1).await;
    database.execute(NOT_YET).await;
    until("what has nothing to do with it is done", async || left(&database).await == 4).await;
    let held_back = "SELECT count(*) FROM effects
        WHERE order_key = 'x' AND due_at > created_at + interval '3 seconds'";
    until("no claim looks at them", async || database.count(held_back).await == 4).await;
    let mut tried = told.tried();
    tried.sort_unstable();
    assert_eq!(tried, ["fails", "other"]);
    database.execute(DUE_NOW).await;
    until("all are done or given up", async || left(&database).await == 0).await;
    performers.stop().await;
    let mut tried = told.tried();
    tried.retain(|target| target != "other");
    assert_eq!(tried, ["fails", "fails", "never", "third", "last"]);
    assert_eq!(database.count("SELECT count(*) FROM dead_letters WHERE target = 'never'").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM effects WHERE state = 'dead'").await, 1);
}

/// Catches: one that is too early until it is a dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_early_is_put_off_and_has_not_failed() {
    let database = TestDatabase::new().await;
    write_down(&database, &["early"]).await;
    let (performers, told) = start(&database, Effects { attempts: 1, ..Effects::default() });
    let put_off =
        "SELECT count(*) FROM effects WHERE state = 'pending' AND attempts = 0 AND last_error IS NULL
                      AND failing_since IS NULL AND due_at > now() + interval '50 minutes'";
    until("it is put off", async || database.count(put_off).await == 1).await;
    assert_eq!(told.tried().len(), 1);
    database.execute(DUE_NOW).await;
    until("it is done", async || left(&database).await == 0).await;
    performers.stop().await;
    assert_eq!(database.count("SELECT attempts::bigint FROM effects WHERE state = 'done'").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM dead_letters").await, 0);
}

/// Catches: a timer that is given up; one whose alert falls silent between its tries.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_gives_nothing_up_and_says_since_when_it_fails() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "INSERT INTO effects (event_id, position, kind, target, lane, attempts, failing_since)
             VALUES (gen_random_uuid(), 1, 'account.erase', 'fails', 'clock', 1000, now() - interval '1 hour')",
        )
        .await;
    let (performers, told) = start(&database, Effects { attempts: 1, ..Effects::default() });
    until("it has failed once more", async || {
        database.count("SELECT count(*) FROM effects WHERE last_error IS NOT NULL").await == 1
    })
    .await;
    let due: Vec<(String, i64, f64)> =
        sqlx::query_as(reactor::DUE).fetch_all(&database.superuser).await.unwrap();
    let (lane, count, seconds) = &due[0];
    assert_eq!((lane.as_str(), *count), ("clock", 1));
    assert!((3_600.0..4_000.0).contains(seconds), "{seconds}");
    database.execute(DUE_NOW).await;
    until("it is done", async || left(&database).await == 0).await;
    performers.stop().await;
    assert_eq!(told.tried(), ["fails", "fails"]);
    let due: Vec<(String, i64, f64)> =
        sqlx::query_as(reactor::DUE).fetch_all(&database.superuser).await.unwrap();
    assert_eq!(due, []);
}

/// Catches: rows that stay for ever; rows of one lane that go with those of another; those that are not done.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_long_ago_is_deleted() {
    let database = TestDatabase::new().await;
    let mut expected = 0;
    for (lane, days) in [("clock", 30), ("post", 365)] {
        for (state, days, stays) in
            [("done", days + 1, 0), ("done", days - 1, 1), ("dead", days + 1, 1), ("pending", days + 1, 1)]
        {
            expected += stays * 5;
            database
                .execute(&format!(
                    "INSERT INTO effects (event_id, position, kind, target, lane, state, finished_at)
                     SELECT gen_random_uuid(), 1, 'account.erase', '{stays}', '{lane}', '{state}', now() - interval '{days} days'
                       FROM generate_series(1, 5)"
                ))
                .await;
        }
    }
    let connect = daybook_migrations::connect_options(database.app_url().as_str(), "test").unwrap();
    let pool = daybook_migrations::pool(connect, 1, Duration::from_secs(10));
    assert!(!reactor::forget(&pool, 2).await.unwrap(), "there are more than two of them");
    assert_eq!(database.count("SELECT count(*) FROM effects WHERE target = '0'").await, 6);
    while !reactor::forget(&pool, 2).await.unwrap() {}
    assert_eq!(database.count("SELECT count(*) FROM effects WHERE target = '0'").await, 0);
    assert_eq!(database.count("SELECT count(*) FROM effects").await, expected);
}

/// Catches: a ledger that disagrees with the log because a row was deleted; a missing row that is taken for a deleted one.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_after_its_time_is_not_missed() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    order_with_mail(&app.customer("alice")).await;
    app.settle().await;
    app.database.execute("DELETE FROM effects").await;
    let connect = daybook_migrations::connect_options(app.database.app_url().as_str(), "test").unwrap();
    let operators = Operators::new(app.database.superuser.clone(), connect);
    let differences = async || operators.verify_ledger().await.unwrap().differences;
    assert_eq!(differences().await, 1);
    let long_ago = "UPDATE events SET recorded_at = recorded_at - interval '366 days'";
    app.database.change_log(long_ago).await;
    assert_eq!(differences().await, 0);
}

/// Catches: an index that a killed migration has left unfinished, which the next one takes for the index, or fails at.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_not_finished_is_made_anew() {
    let database = TestDatabase::empty().await;
    database.migrate().await;
    database
        .execute(
            "DELETE FROM _sqlx_migrations WHERE version BETWEEN 24 AND 27;
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'effects_in_order'::regclass",
        )
        .await;
    database.migrate().await;
    let unfinished = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(database.count(unfinished).await, 0);
    let made = "SELECT count(*) FROM pg_class WHERE relname = 'effects_in_order'";
    assert_eq!(database.count(made).await, 1);
}
