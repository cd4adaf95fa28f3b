//! Keys that others succeed while servers run.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook_tests::{
    Client, Daybook, Issuer, Reply,
    mails::{links_in, mails_in},
    people::post,
    until,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    founding::{PASSWORD, create, value},
    outside,
};
use crate::faults::House;

const KINDS: [&str; 3] = ["refresh", "link", "index"];

/// What it says of a new key.
fn rotate(server: &Daybook, kind: &str) -> String {
    let output = server.command(&["keys", "rotate", kind]).output().expect("it is built");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

async fn log_in(client: &Client, email: &str) -> Value {
    post(client, "/v1/sessions", json!({"email": email, "password": PASSWORD})).await.expect(201).json()
}

async fn refresh(client: &Client, token: &Value) -> Reply {
    post(client, "/v1/sessions/refresh", json!({"refresh_token": token})).await
}

/// Catches: a change of keys by which sessions end, links are no good any more, or an address loses its owner.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_while_servers_run_and_what_was_made_with_the_old_ones_stays_good() {
    let house = House::new().await;
    let mut server = house.started("api");
    let client = server.api(&house.client);
    let ada = ["--email", "ada@example.com", "--password-stdin"];
    let id = value(&create(&server, &ada, Some(PASSWORD)), "account").expect("made");
    let made = create(&server, &["--email", "susan@example.com", "--role", "support"], None);
    let (susan, link) = (value(&made, "account").expect("made"), value(&made, "link").expect("made"));
    let idle = log_in(&client, "ada@example.com").await;
    let mut busy = log_in(&client, "ada@example.com").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    load.spawn({
        let (client, is_over) = (server.api(&house.client), Arc::clone(&is_over));
        async move {
            let mut refreshed = 0;
            while !is_over.load(Ordering::Relaxed) {
                busy = refresh(&client, &busy["refresh_token"]).await.expect(200).json();
                refreshed += 1;
            }
            refreshed
        }
    });
    let mut told = Vec::new();
    for kind in [KINDS, KINDS].concat() {
        told.push(rotate(&server, kind));
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(load.join_next().await.expect("it is one").expect("each one is answered") > 0);
    assert!(told[5].ends_with("computed=2\ndropped=0\n"), "{told:?}");

    refresh(&client, &idle["refresh_token"]).await.expect(200);
    let token = link.split_once("#token=").expect("a page").1;
    let confirmation = json!({"token": token, "password": PASSWORD});
    post(&client, "/v1/accounts/password-resets/confirmation", confirmation).await.expect(200);
    log_in(&client, "susan@example.com").await;
    assert_eq!(value(&create(&server, &ada, Some(PASSWORD)), "account"), Some(id));
    let current = "SELECT count(*) FROM secret_keys WHERE retired_at IS NULL";
    assert_eq!(house.database.count(current).await, 3);
    // A server that starts makes what is new with the new one.
    server.kill();
    server.start();
    let new = log_in(&client, "ada@example.com").await;
    let key = told[3].trim().strip_prefix("key=").expect("it is told").to_owned();
    assert!(new["refresh_token"].as_str().expect("a token").starts_with(&format!("drt_{key}_")));

    // What can't be opened any more is in the index no longer.
    house.database.execute(&format!("DELETE FROM person_keys WHERE owner LIKE '%{susan}'")).await;
    assert!(rotate(&server, "index").ends_with("computed=1\ndropped=1\n"));
    log_in(&client, "ada@example.com").await;
}

/// Catches: the age of a key that another one has succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn how_old_the_newest_keys_are_is_told() {
    let house = House::new().await;
    let mut server = house.started("api");
    house.database.execute("UPDATE secret_keys SET created_at = '2001-09-09T01:46:40Z'").await;
    rotate(&server, "refresh");
    server.kill();
    server.start();
    let made =
        house.database.count("SELECT extract(epoch FROM max(created_at))::bigint FROM secret_keys").await;
    assert!(made > 1_000_000_000);
    let told =
        house.client.at(format!("http://{}", server.telemetry)).get("/metrics").await.expect(200).text();
    for (kind, made) in [("refresh", made), ("link", 1_000_000_000), ("index", 1_000_000_000)] {
        let line = format!("daybook_key_made_timestamp_seconds{{kind=\"{kind}\"}} {made}\n");
        assert!(told.contains(&line), "{line}");
    }
}

/// Catches: an address that is claimed with a key that was replaced, so that nothing finds it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_not_heard_of_a_new_key_claims_addresses_with_it() {
    let house = House::new().await;
    let server = house.started("api");
    let client = server.api(&house.client);
    let email = "bob@example.com";
    post(&client, "/v1/accounts", json!({"email": email, "password": PASSWORD})).await.expect(202);
    let mut links = Vec::new();
    until("the mail is there", async || {
        links = links_in(&mails_in(&house.home.path().join("mail")), email, "confirm");
        !links.is_empty()
    })
    .await;
    let told = rotate(&server, "index");
    let key = told.lines().find_map(|line| line.strip_prefix("key=")).expect("it is told").to_owned();
    post(&client, "/v1/accounts/verification", json!({"token": links[0]})).await.expect(200);
    let confirmed = format!("SELECT count(*) FROM email_claims WHERE key_id = '{key}' AND until IS NULL");
    assert_eq!(house.database.count(&confirmed).await, 1);
    log_in(&client, email).await;
}

/// Catches: a person at another issuer whom nothing finds in the index any more, and who gets a second account.
#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_elsewhere_is_known_by_a_new_key_of_the_index() {
    let (house, issuer) = (House::new().await, Issuer::start().await);
    let mut server = outside::server(&house, &issuer);
    server.start();
    let client = server.api(&house.client);
    let account = async || {
        let back = outside::gone(&client, outside::BEGIN, "example").await;
        let tokens = post(&client, outside::FINISH, back).await.expect(201).json();
        let ada = client.with_token(tokens["access_token"].as_str().expect("a token"));
        ada.get("/v1/accounts/me").await.expect(200).json()["id"].clone()
    };
    let first = account().await;
    // The hash of their address, and that of whom the issuer knows.
    assert!(rotate(&server, "index").ends_with("computed=2\ndropped=0\n"));
    assert_eq!(account().await, first);
    server.kill();
    server.start();
    assert_eq!(account().await, first);
    // Whose key was thrown away is in the index no longer.
    house.database.execute("DELETE FROM person_keys").await;
    assert!(rotate(&server, "index").ends_with("computed=0\ndropped=2\n"));
}

/// Catches: keys that are kept for ever, and one that is thrown away while something depends on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_thrown_away_when_nothing_is_left_to_be_opened_with_it() {
    let house = House::new().await;
    let mut server = house.started("api");
    let client = server.api(&house.client);
    create(&server, &["--email", "ada@example.com", "--password-stdin"], Some(PASSWORD));
    create(&server, &["--email", "susan@example.com", "--role", "support"], None);
    log_in(&client, "ada@example.com").await;
    for kind in [KINDS, KINDS].concat() {
        rotate(&server, kind);
    }
    let retired = "SELECT count(*) FROM secret_keys WHERE retired_at IS NOT NULL";
    assert_eq!(house.database.count(retired).await, 6);
    for statement in [
        "UPDATE secret_keys SET retired_at = retired_at - interval '3 days'",
        "UPDATE sessions SET created_at = created_at - interval '5 days'",
    ] {
        house.database.execute(statement).await;
    }
    // The session's, and that of the link by which Susan chooses a password.
    server.kill();
    server.start();
    until("the others are gone", async || house.database.count(retired).await == 3).await;
    house.database.execute("UPDATE sessions SET ended_at = now()").await;
    house.database.execute("DELETE FROM links").await;
    server.kill();
    server.start();
    until("all of them are gone", async || house.database.count(retired).await == 0).await;
    assert_eq!(house.database.count("SELECT count(*) FROM secret_keys").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_key_that_there_is_not_is_refused() {
    let house = House::new().await;
    let output = house.server("none").command(&["keys", "rotate", "master"]).output().expect("it is built");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("master"), "{output:?}");
}
