//! Nothing that opens anything, and no address, is stored in clear.

use daybook_core::config::Part;
use daybook_tests::{
    TestApp,
    people::{PASSWORD, post},
};
use serde_json::json;
use sqlx::Row;

const CANARY: &str = "canary.kumquat";

/// Every row of every table, as text; bytes in hexadecimal.
async fn whole_database(app: &TestApp) -> Vec<(String, String)> {
    let tables =
        "SELECT schemaname || '.' || quote_ident(relname) AS name FROM pg_stat_user_tables ORDER BY 1";
    let mut contents = Vec::new();
    for table in sqlx::query(tables).fetch_all(&app.database.superuser).await.unwrap() {
        let name: String = table.get("name");
        let select = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {name} t");
        let text: String = sqlx::query_scalar(&select).fetch_one(&app.database.superuser).await.unwrap();
        contents.push((name, text));
    }
    contents
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Catches: a password, a token, a secret or an address that a dump of the database tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_the_database_opens_nothing() {
    let app = TestApp::start_generous().await;
    let email = format!("{CANARY}@example.com");
    app.registered(&email).await;
    let (tokens, alice) = app.logged_in(&email).await;
    let totp = post(&alice, "/v1/accounts/me/totp", json!({})).await.expect(200).json();
    let body = json!({"name": "scanner", "scopes": ["order.read"]});
    let key = post(&alice, "/v1/api-keys", body).await.expect(201).json();
    post(&app.anonymous, "/v1/accounts/password-resets", json!({"email": email})).await.expect(202);
    let link = app.link_to(&email, "new password").await;
    app.settle().await;
    let tail = |text: &serde_json::Value| {
        let text = text.as_str().unwrap();
        text[text.len() - 20..].to_owned()
    };
    let words = [
        CANARY.to_owned(),
        PASSWORD.to_owned(),
        "Alice Example".to_owned(),
        tail(&tokens["access_token"]),
        tail(&tokens["refresh_token"]),
        tail(&tokens["device"]),
        tail(&key["key"]),
        link[link.len() - 20..].to_owned(),
        totp["secret"].as_str().unwrap().to_owned(),
    ];
    check(&app, &words).await;
}

/// Catches: a registration that waits in clear.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_waits_tells_nothing() {
    // No process performs it.
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    app.register(&format!("{CANARY}@example.com")).await.expect(202);
    assert_eq!(app.database.count("SELECT count(*) FROM effects WHERE payload IS NOT NULL").await, 1);
    check(&app, &[CANARY.into(), PASSWORD.into(), "Alice Example".into(), "argon2".into()]).await;
}

async fn check(app: &TestApp, words: &[String]) {
    for (table, text) in whole_database(app).await {
        for word in words {
            assert!(!text.contains(word), "{word} in {table}");
            assert!(!text.contains(&hex(word)), "{word} in {table}, as bytes");
        }
    }
}
