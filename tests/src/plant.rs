//! Planted bugs: `PLANTED_BUG=no_lock ./dev test -E "test(committer)"` runs the tests on
//! databases (or servers) that have this bug. A promise is tested if its tests fail then; their comments say which
//! bugs they catch. Nothing is planted without that variable.

use sqlx::PgPool;

/// A bug, and how it is put into a database.
struct Bug {
    name: &'static str,
    /// In the source of `append_batch`, the first becomes the second.
    replace: &'static [(&'static str, &'static str)],
    also: &'static str,
}

const fn in_append(name: &'static str, replace: &'static [(&'static str, &'static str)]) -> Bug {
    Bug { name, replace, also: "" }
}

const fn in_schema(name: &'static str, also: &'static str) -> Bug {
    Bug { name, replace: &[], also }
}

const BUGS: &[Bug] = &[
    Bug {
        name: "nothing_arbitrates",
        replace: &[("WHERE NOT (x.trusted AND head_known)", "WHERE false")],
        also: "ALTER TABLE events DROP CONSTRAINT events_pkey",
    },
    in_append("no_lock", &[NO_LOCK]),
    in_append("sequence_without_event_id", &[("OR last.event_id IS DISTINCT FROM x.event_id", "")]),
    in_append("no_expectations", &[("WHERE NOT (x.trusted AND head_known)", "WHERE false")]),
    // No other process is ever thought to have appended.
    in_append("head_always_known", &[HEAD_KNOWN, ("head_known := base", "head_known := true OR base")]),
    in_append("head_known_by_its_position", &[HEAD_KNOWN]),
    in_append(
        "keys_of_refusals_not_looked_at",
        &[("IF stale IS NOT NULL OR taken IS", "taken := NULL; IF stale IS")],
    ),
    in_append("keys_not_stored", &[("WHERE x.receipt IS NOT NULL", "WHERE false")]),
    // In a transaction of their own, which is there to stay before the events are.
    Bug {
        name: "keys_stored_apart",
        replace: &[(
            "INSERT INTO idempotency_keys (scope, key, fingerprint, receipt, position, created_at)
    SELECT x.scope, x.key, x.fingerprint, x.receipt, base + x.events, append_batch.recorded_at",
            "PERFORM dblink_exec(planted_session(), format(
                    'INSERT INTO idempotency_keys VALUES (%L, %L, %L, %L, %s, %L)', x.scope, x.key,
                    x.fingerprint, x.receipt, base + x.events, append_batch.recorded_at))",
        )],
        also: "CREATE EXTENSION dblink;
            CREATE FUNCTION planted_session() RETURNS text LANGUAGE sql AS $$
                SELECT format('host=127.0.0.1 port=%s dbname=%s user=daybook_owner password=of-the-tests',
                              current_setting('port'), current_database()) $$",
    },
    // What an identity column does: numbers are given before the commit, and not given back.
    Bug {
        name: "numbered_before_the_commit",
        replace: &[
            NO_LOCK,
            ("base := coalesce(base, 0);", "base := nextval('planted') - 1;"),
            (
                "base + x.place, x.event_id",
                "CASE x.place WHEN 1 THEN base + 1 ELSE nextval('planted') END, x.event_id",
            ),
        ],
        also: "CREATE SEQUENCE planted; GRANT ALL ON SEQUENCE planted TO daybook_owner",
    },
    in_schema("unique_constraint_dropped", "ALTER TABLE events DROP CONSTRAINT events_pkey"),
    // Nothing of the database's: see `Daybook`.
    in_schema(NO_ACQUIRE_TIMEOUT, ""),
    in_schema("log_can_be_changed", "GRANT INSERT, UPDATE, DELETE ON events TO daybook_app"),
    in_schema("append_for_everybody", "GRANT EXECUTE ON FUNCTION append_batch TO PUBLIC"),
    in_schema(
        "asynchronous_commit",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
    ),
];

/// A process waits for a connection as long as a setting can say.
pub const NO_ACQUIRE_TIMEOUT: &str = "no_acquire_timeout";

const HEAD_KNOWN: (&str, &str) = (" AND head_event_id IS NOT DISTINCT FROM known_head_event_id", "");
const NO_LOCK: (&str, &str) = ("PERFORM pg_advisory_xact_lock(log_lock());", "");

/// The bug that is wanted.
pub fn planted() -> Option<String> {
    std::env::var("PLANTED_BUG").ok()
}

/// Plants what `PLANTED_BUG` names.
pub async fn plant(superuser: &PgPool) {
    let Some(wanted) = planted() else { return };
    let names = || BUGS.iter().map(|bug| bug.name).collect::<Vec<_>>();
    let bug = BUGS.iter().find(|bug| bug.name == wanted);
    let bug = bug.unwrap_or_else(|| panic!("no bug is called {wanted}; there are {:?}", names()));
    if !bug.also.is_empty() {
        sqlx::raw_sql(bug.also).execute(superuser).await.expect("a bug can be planted");
    }
    let mut source: String = sqlx::query_scalar("SELECT pg_get_functiondef('append_batch'::regproc)")
        .fetch_one(superuser)
        .await
        .expect("the append function");
    for (right, wrong) in bug.replace {
        assert_eq!(source.matches(right).count(), 1, "the append function has changed: {right}");
        source = source.replace(right, wrong);
    }
    sqlx::raw_sql(&source).execute(superuser).await.expect("a bug can be planted");
}
