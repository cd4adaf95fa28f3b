//! Is `daybook migrate` online? A database of the former release, whose tables have a million rows, is migrated under load, and
//! while a long query is going on. Nothing may wait for it for longer than a second.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use sqlx::{Connection, Executor};
use tokio::time::sleep;

use super::stage::server;
use crate::{
    Client, Home, OwnNats, OwnPostgres, Program, TestDatabase,
    chaos::{Load, Outcome, Repeats, stock_up},
};

/// Decides what the load does.
const SEED: u64 = 12;
/// Commands that are acknowledged before the migration, and after it.
const ACT: u64 = 100;
/// For how long others may have to wait.
pub const MOST_MS: u128 = 1_000;
/// How often locks are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A million rows in each table that is in use and grows. The events are of a kind that no release knows.
const FILL: &str = "
INSERT INTO events SELECT 'filler', n::text, 1, 'Filled', '1', '{}', '{}', n, gen_random_uuid(), now()
  FROM generate_series(1, 1000000) n;
INSERT INTO effects (event_id, kind, target, position, state, finished_at)
SELECT gen_random_uuid(), 'mail.order_placed', n::text, n, 'done', now() FROM generate_series(1, 1000000) n;
INSERT INTO audit (actor, action, target, outcome, request_id)
SELECT 'filler', 'fill', n::text, 'done', '' FROM generate_series(1, 1000000) n;
INSERT INTO idempotency_keys SELECT 'filler', n::text, sha256(''), '{}', n, now() FROM generate_series(1, 1000000) n";

/// Locks that commands, effects and refusals wait for, of the one that migrates: those that it has, and those that it waits
/// for, because all who come later wait behind it.
const LOCKS: &str = "
SELECT l.relation::regclass::text, l.granted FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE a.datname = current_database() AND a.application_name = 'daybook-migrate' AND l.locktype = 'relation'
   AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
   AND l.relation::regclass::text IN ('events', 'effects', 'audit', 'idempotency_keys')";

/// Whether it is connected.
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'daybook-migrate' AND datname = current_database())";

/// What was found.
pub struct Online {
    pub longest_lock_ms: u128,
    /// How often the migration let others go on, instead of waiting for a lock.
    pub let_go: u64,
    pub surprises: Vec<String>,
}

/// How long each table was locked, or waited for, without a pause.
#[derive(Default)]
struct Watch {
    since: Vec<(String, Instant)>,
    waits: bool,
    longest: Duration,
    let_go: u64,
}

impl Watch {
    fn see(&mut self, locks: &[(String, bool)]) {
        let now = Instant::now();
        for (_, since) in &self.since {
            // Up to this look, whether it is still there or not.
            self.longest = self.longest.max(now - *since);
        }
        self.since.retain(|(table, _)| locks.iter().any(|(locked, _)| locked == table));
        for (table, _) in locks {
            if !self.since.iter().any(|(known, _)| known == table) {
                self.since.push((table.clone(), now));
            }
        }
        let waited = std::mem::replace(&mut self.waits, locks.iter().any(|(_, granted)| !granted));
        self.let_go += u64::from(waited && locks.is_empty());
    }
}

pub async fn run(former: &Program, logs: Option<&Path>) -> Online {
    let postgres = OwnPostgres::durable();
    let database = TestDatabase::empty_on(&postgres.url()).await;
    let nats = OwnNats::start();
    let home = Home::made_by(former);
    // Read models would be made of a million events first; their tables are each release's own.
    let server = |name: &str, program: &Program| {
        server(&home, &database, &nats, logs, name, program).with("roles", "api,relay,reactor")
    };
    let (mut old, mut new) = (server("online-former", former), server("online-this", &Program::this()));
    old.migrate(&database);
    database.execute(FILL).await;
    old.start();
    let client = Client::new(String::new());
    stock_up(&client, &old).await;
    let load = Load::start_with(&client, [&old, &new], SEED, Repeats::EachElsewhere);
    load.progress(ACT).await;

    let mut surprises = vec![];
    let mut long_query = Some(database.foreign_session().await);
    if let Some(session) = &mut long_query {
        let read =
            "BEGIN; SELECT FROM effects LIMIT 1; SELECT FROM audit LIMIT 1; SELECT FROM events LIMIT 1";
        session.execute(read).await.expect("it may read");
    }
    let mut migration = new.migration(&database);
    let mut migration = migration.stdout(Stdio::null()).spawn().expect("the program runs");
    let (mut watch, mut was_seen) = (Watch::default(), false);
    let ended = loop {
        let locks: Vec<(String, bool)> =
            sqlx::query_as(LOCKS).fetch_all(&database.superuser).await.expect("locks can be seen");
        watch.see(&locks);
        was_seen |= sqlx::query_scalar::<_, bool>(IS_THERE)
            .fetch_one(&database.superuser)
            .await
            .expect("sessions can be seen");
        // The query goes on until something has been let pass because of it.
        if watch.let_go > 0
            && let Some(session) = long_query.take()
        {
            session.close().await.expect("it can be closed");
        }
        if let Some(ended) = migration.try_wait().expect("a child of ours") {
            break ended;
        }
        sleep(LOOK).await;
    };
    watch.see(&[]);
    if !was_seen {
        surprises.push("the session that migrates was never seen, so nothing is known of its locks".into());
    }
    if !ended.success() {
        surprises.push(format!("migrate ended with {ended}"));
    }
    new.start();
    load.progress(ACT).await;
    for told in load.end().await {
        if let Outcome::Unknown | Outcome::Strange(_) = told.outcome {
            surprises.push(format!("while a million rows were migrated: {}", told.command.path));
        }
    }
    Online { longest_lock_ms: watch.longest.as_millis(), let_go: watch.let_go, surprises }
}
