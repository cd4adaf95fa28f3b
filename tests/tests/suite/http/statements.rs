//! Statements that are repeated all the time look at what concerns them, however much else there is.

use daybook_commands::ANSWERS;
use daybook_core::auth::revocation;
use daybook_domain::reactions::EffectKind;
use daybook_projections::reactor;
use daybook_tests::TestDatabase;

const MANY: [&str; 4] = [
    "INSERT INTO effects (event_id, position, kind, target, due_at)
     SELECT gen_random_uuid(), n, 'later', '', now() + interval '1 year' FROM generate_series(1, 50000) n",
    "INSERT INTO idempotency_keys (scope, key, fingerprint, receipt, position, created_at)
     SELECT 'x', n, '', '', n, now() FROM generate_series(1, 50000) n",
    "INSERT INTO revocations (kind, value, issued_until, recorded_at)
     SELECT 'token', n, 0, now() - interval '1 day' FROM generate_series(1, 50000) n",
    "ANALYZE effects, idempotency_keys, revocations",
];

/// Catches: times that change within a statement, such as `clock_timestamp()`: no index finds what is before them.
#[tokio::test(flavor = "multi_thread")]
async fn every_periodic_statement_finds_its_rows_by_an_index() {
    let database = TestDatabase::new().await;
    for statement in MANY {
        database.execute(statement).await;
    }
    let pool = &database.superuser;
    let explain = |statement: &str| format!("EXPLAIN {statement}");
    let claim = explain(reactor::CLAIM);
    let claim = sqlx::query_scalar(&claim).bind(1.0).bind("post").bind(EffectKind::WORDS).bind(8_i64);
    let claim = claim.fetch_all(pool).await;
    let forget_effects = explain(reactor::FORGET);
    let forget_effects = sqlx::query_scalar(&forget_effects).bind("post").bind(86_400.0).bind(1_000);
    let forget_effects = forget_effects.fetch_all(pool).await;
    let read = explain(revocation::READ);
    let read = sqlx::query_scalar(&read).bind(60.0).fetch_all(pool).await;
    let forget = explain(revocation::FORGET);
    let forget = sqlx::query_scalar(&forget).bind(86_400_000.0).fetch_all(pool).await;
    let source = "SELECT prosrc FROM pg_proc WHERE proname = 'forget_idempotency_keys'";
    let source: String = sqlx::query_scalar(source).fetch_one(pool).await.expect("a function");
    let forget_keys = explain(&source.replace("at_most", "10000"));
    let forget_keys = sqlx::query_scalar(&forget_keys).fetch_all(pool).await;
    // What a claim looks up beside its row is found by an index of its own.
    let found_by = [
        ("claim", "due_at", claim),
        ("forget effects", "finished_at", forget_effects),
        ("read", "", read),
        ("forget", "", forget),
        ("forget_keys", "", forget_keys),
    ];
    for (name, column, plan) in found_by {
        let plan: Vec<String> = plan.expect("a plan");
        let by_index = |line: &String| line.contains("Index Cond") && line.contains(column);
        assert!(plan.iter().any(by_index), "{name}: {plan:#?}");
    }
}

/// A plan is kept with its connection. Catches: one that reads the whole table, made while that was nearly empty.
#[tokio::test]
async fn idempotency_keys_are_looked_up_by_an_index_though_there_are_few_yet() {
    let database = TestDatabase::new().await;
    let (scopes, keys) = (vec!["x"; 100], vec!["y"; 100]);
    let plan = format!("EXPLAIN {ANSWERS}");
    let plan = sqlx::query_scalar(&plan).bind(scopes).bind(keys).fetch_all(&database.superuser).await;
    let plan: Vec<String> = plan.expect("a plan");
    assert!(plan.iter().any(|line| line.contains("Index Cond")), "{plan:#?}");
}
