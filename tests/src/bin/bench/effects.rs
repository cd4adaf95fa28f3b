//! Effects of the ledger, performed by a performer that does nothing; beside it, the same claimed and marked one by one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use daybook_domain::reactions::{EffectKind, Lane};
use daybook_projections::{ClaimedEffect, EffectError, Performer, reactor::CLAIM, settings::Effects};
use daybook_tests::{Performers, TestDatabase, until::within};
use futures::future::join_all;
use sqlx::PgPool;

use crate::report::{Report, median};

const ROUNDS: usize = 5;
const EFFECTS: i64 = 30_000;
/// Those that are claimed and marked one by one.
const SINGLE: i64 = 5_000;
const TIMERS: i64 = 500_000;
const SESSIONS: u32 = 8;
const LOOKS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);

const MARK_ONE: &str = "UPDATE effects SET state = 'done', finished_at = statement_timestamp()
  WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = 'pending'";

struct Nothing;

#[async_trait]
impl Performer for Nothing {
    async fn perform(&self, _: &ClaimedEffect) -> Result<(), EffectError> {
        Ok(())
    }
}

pub async fn run() -> Report {
    let mut report = Report::new("effects", ROUNDS);
    report.condition(format!("{EFFECTS} effects of the lane post are due, of as many orders; {TIMERS} of the lane clock are due tomorrow"));
    report.condition("the performers of one process (effects.concurrency = 8), with a performer that does nothing, until all are marked as done; durability on");
    report.condition(format!("beside it: {SESSIONS} sessions that each claim one, mark it as done, and wait for the disk both times, as release 0.1 does"));
    report.condition("empty_claim_ms: a claim of the lane clock, which finds nothing");
    let database = TestDatabase::new().await;
    write_down(&database, TIMERS, "'account.erase'", "'clock'", "now() + interval '1 day'").await;
    let (mut together, mut single, mut empty) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        fill(&database, SINGLE).await;
        single.push(one_by_one(&database).await);
        fill(&database, EFFECTS).await;
        let begun = Instant::now();
        let effects = Effects { concurrency: 8, ..Effects::default() };
        let performers = Performers::start(&database, effects, Arc::new(Nothing));
        assert!(within(PATIENCE, async || left(&database).await == 0).await, "all of them are done");
        together.push(EFFECTS as f64 / begun.elapsed().as_secs_f64());
        performers.stop().await;
        empty.push(empty_claim(&database).await);
    }
    let together = report.figure("effects_per_second", &together);
    let single = report.figure("one_by_one_per_second", &single);
    report.figure("empty_claim_ms", &empty);
    report.ratio("vs_one_by_one", together, single);
    report
}

async fn write_down(database: &TestDatabase, count: i64, kind: &str, lane: &str, due: &str) {
    let key = if lane == "'post'" { "n::text" } else { "NULL" };
    database
        .execute(&format!(
            "INSERT INTO effects (event_id, position, kind, target, lane, due_at, order_key, subject)
             SELECT gen_random_uuid(), n, {kind}, n, {lane}, {due}, {key}, n FROM generate_series(1, {count}) n"
        ))
        .await;
}

async fn fill(database: &TestDatabase, count: i64) {
    write_down(database, count, "'mail.order_placed'", "'post'", "now()").await;
    database.execute("CHECKPOINT").await;
}

async fn left(database: &TestDatabase) -> i64 {
    database.count("SELECT count(*) FROM effects WHERE state = 'pending' AND lane = 'post'").await
}

/// Effects a second.
async fn one_by_one(database: &TestDatabase) -> f64 {
    let connect = daybook_migrations::connect_options(database.app_url().as_str(), "bench");
    let pool = daybook_migrations::pool(connect.expect("a URL"), SESSIONS, PATIENCE);
    let begun = Instant::now();
    join_all((0..SESSIONS).map(|_| claim_and_mark(&pool))).await;
    SINGLE as f64 / begun.elapsed().as_secs_f64()
}

async fn claim_and_mark(pool: &PgPool) {
    let mut session = pool.acquire().await.expect("a session");
    loop {
        let claimed: Option<(uuid::Uuid, String, String)> = sqlx::query_as(CLAIM)
            .bind(25.0)
            .bind(Lane::Post.as_str())
            .bind(EffectKind::WORDS)
            .bind(1_i64)
            .fetch_optional(&mut *session)
            .await
            .expect("a claim");
        let Some((event_id, kind, target)) = claimed else { return };
        let marked =
            sqlx::query(MARK_ONE).bind(event_id).bind(kind).bind(target).execute(&mut *session).await;
        marked.expect("a mark");
    }
}

/// The median of many, ms.
async fn empty_claim(database: &TestDatabase) -> f64 {
    let mut session = database.foreign_session().await;
    let mut times = Vec::new();
    for _ in 0..LOOKS {
        let begun = Instant::now();
        let claim =
            sqlx::query(CLAIM).bind(25.0).bind(Lane::Clock.as_str()).bind(EffectKind::WORDS).bind(8_i64);
        let claimed = claim.fetch_all(&mut session).await.expect("a claim");
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        assert!(claimed.is_empty(), "none is due");
    }
    median(&times)
}
