//! The migrations spell the words of closed vocabularies once more, because they stay as they are when the code
//! changes. So the schema that they make is held against the vocabularies.

use std::{collections::BTreeMap, time::Duration};

use daybook_core::{
    auth::revoked::RevokedKind,
    identity::{links::Purpose, secrets::SecretKind, shared::CredentialKind},
};
use daybook_domain::reactions::Lane;
use daybook_projections::{CheckpointState, EffectState, OperatorError, Operators, RebuildState, Resolution};
use daybook_tests::{TestDatabase, shop::new_id};

/// The words in SQL's quotes.
fn words(expression: &str) -> Vec<&str> {
    expression.split('\'').skip(1).step_by(2).collect()
}

/// What a query of names and expressions yields: the words of each expression that has any.
async fn words_by_name(database: &TestDatabase, sql: &str) -> BTreeMap<String, Vec<String>> {
    let found: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&database.superuser).await.unwrap();
    let found = found.into_iter().map(|(name, expression)| {
        (name, words(&expression).into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    found.filter(|(_, words)| !words.is_empty()).collect()
}

fn expected<const N: usize>(words: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    words.into_iter().map(|(name, words)| (name.to_owned(), owned(words))).collect()
}

/// Also catches: a constraint with words of which no vocabulary is named here.
#[tokio::test]
async fn each_constraint_has_the_words_of_its_vocabulary() {
    let database = TestDatabase::new().await;
    let found = words_by_name(
        &database,
        "SELECT format('%s.%s', c.conrelid::regclass, a.attname), pg_get_constraintdef(c.oid)
           FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
          WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace",
    );
    let vocabularies = expected([
        ("checkpoints.state", &CheckpointState::WORDS),
        ("rebuilds.state", &RebuildState::WORDS),
        ("effects.state", &EffectState::WORDS),
        ("dead_letters.resolution", &Resolution::WORDS),
        ("revocations.kind", &RevokedKind::WORDS),
        ("secret_keys.kind", &SecretKind::WORDS),
        ("credentials.kind", &CredentialKind::WORDS),
        ("links.purpose", &Purpose::WORDS),
    ]);
    assert_eq!(found.await, vocabularies);
}

#[tokio::test]
async fn what_begins_without_a_word_has_the_first_state() {
    let database = TestDatabase::new().await;
    let found = words_by_name(
        &database,
        "SELECT format('%s.%s', d.adrelid::regclass, a.attname), pg_get_expr(d.adbin, d.adrelid)
           FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
          WHERE a.attname IN ('state', 'resolution', 'kind', 'lane')",
    );
    let states = expected([
        ("checkpoints.state", &[CheckpointState::Running.as_str()]),
        ("effects.state", &[EffectState::Pending.as_str()]),
        ("effects.lane", &[Lane::Post.as_str()]),
    ]);
    assert_eq!(found.await, states);
}

/// Catches: a statement whose rows the planner can't find in the index, because the index is for another word.
#[tokio::test]
async fn each_index_of_some_rows_is_of_the_states_that_are_asked_for() {
    let database = TestDatabase::new().await;
    let found = words_by_name(
        &database,
        "SELECT i.indexrelid::regclass::text, pg_get_expr(i.indpred, i.indrelid)
           FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          WHERE i.indpred IS NOT NULL AND c.relnamespace = 'public'::regnamespace",
    );
    let states = expected([
        ("rebuilds_running", &RebuildState::LIVE.map(RebuildState::as_str)),
        ("effects_due", &[EffectState::Pending.as_str()]),
        ("effects_by_lane", &[EffectState::Pending.as_str()]),
        ("effects_in_order", &[EffectState::Pending.as_str()]),
        ("effects_failing", &[EffectState::Pending.as_str()]),
        ("effects_done", &[EffectState::Done.as_str()]),
        ("credentials_created_at", &[CredentialKind::Password.as_str()]),
    ]);
    assert_eq!(found.await, states);
}

/// Such as that of a newer release: an operator is answered that it can't be shown, and nothing panics.
#[tokio::test]
async fn a_stored_word_that_no_vocabulary_has_is_a_failure_of_the_database() {
    let database = TestDatabase::new().await;
    let id = new_id();
    database.execute("ALTER TABLE rebuilds DROP CONSTRAINT rebuilds_state_check").await;
    database
        .execute(&format!(
            "INSERT INTO rebuilds (id, projection, generation, state) VALUES ('{id}', 'orders', 2, 'resting')"
        ))
        .await;
    let connect = daybook_migrations::connect_options(database.app_url().as_str(), "test").unwrap();
    let pool = daybook_migrations::pool(connect.clone(), 1, Duration::from_secs(10));
    let shown = Operators::new(pool, connect).rebuild(id).await;
    let Err(OperatorError::Unavailable(error)) = shown else { panic!("{shown:?}") };
    assert!(error.to_string().contains("no such word; there are building, catching_up, "), "{error}");
}
