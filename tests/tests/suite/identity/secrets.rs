//! Nothing that opens anything, and no address, is stored in clear.

use daybook_core::config::Part;
use daybook_tests::{
    TestApp,
    mails::{links_in, mails_in},
    people::{PASSWORD, post},
    until,
};
use serde_json::json;
use sqlx::Row;

use crate::faults::House;

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

/// Catches: an address, a password, a link or a token in what a server tells its log, its broker and its metrics.
#[tokio::test(flavor = "multi_thread")]
async fn neither_the_log_of_a_server_nor_its_broker_nor_its_metrics_open_anything() {
    let house = House::new().await;
    let mut server = house.server("api").with("log.filter", "trace");
    server.start();
    let client = server.api(&house.client);
    let email = format!("{CANARY}@example.com");
    let body = json!({"email": email, "password": PASSWORD, "name": "Alice Example"});
    post(&client, "/v1/accounts", body).await.expect(202);
    let link = link(&house, &email, "confirm").await;
    post(&client, "/v1/accounts/verification", json!({"token": link})).await.expect(200);
    let guess = json!({"email": email, "password": "tangerine umbrella lighthouse"});
    assert_eq!(post(&client, "/v1/sessions", guess).await.status, 401);
    let body = json!({"email": email, "password": PASSWORD});
    let tokens = post(&client, "/v1/sessions", body).await.expect(201).json();
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let next = post(&client, "/v1/sessions/refresh", body).await.expect(200).json();
    let alice = client.with_token(next["access_token"].as_str().unwrap());
    let totp = post(&alice, "/v1/accounts/me/totp", json!({})).await.expect(200).json();
    let body = json!({"name": "scanner", "scopes": ["order.read"]});
    let key = post(&alice, "/v1/api-keys", body).await.expect(201).json();
    let key = key["key"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/v1/products?q={key}")).await.status, 401);
    client.with_token(key.clone()).get("/v1/orders").await.expect(200);
    post(&client, "/v1/accounts/password-resets", json!({"email": email})).await.expect(202);
    let reset = self::link(&house, &email, "new password").await;
    let mut words = vec![CANARY.into(), PASSWORD.into(), "tangerine umbrella".into(), "Alice Example".into()];
    words.extend([key, link, reset, totp["secret"].as_str().unwrap().to_owned()]);
    for tokens in [&tokens, &next] {
        let texts = ["access_token", "refresh_token", "device"].map(|name| tokens[name].as_str());
        words.extend(texts.into_iter().flatten().map(str::to_owned));
    }
    let registered = "AccountRegistered";
    until("the broker has what happened", async || contains(&house.nats.stored(), registered)).await;
    let metrics = client.at(format!("http://{}", server.telemetry)).get("/metrics").await.expect(200).text();
    assert!(metrics.contains("daybook_password_hashes_total"));
    until("the last request is in the log", async || server.log().contains("/v1/accounts/password-resets"))
        .await;
    let told =
        [("log", server.log().into_bytes()), ("broker", house.nats.stored()), ("metrics", metrics.into())];
    for (place, bytes) in told {
        for word in &words {
            assert!(!contains(&bytes, word), "{word} in the {place}");
        }
    }
}

/// What a link in a mail to this address has behind `#token=`.
async fn link(house: &House, email: &str, what: &str) -> String {
    let mut links = Vec::new();
    until("the mail is there", async || {
        links = links_in(&mails_in(&house.home.path().join("mail")), email, what);
        !links.is_empty()
    })
    .await;
    links.remove(0)
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part == word.as_bytes())
}
