//! Accounts that an operator makes at the machine itself.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use daybook_tests::{Client, Daybook, mails::mails_in, people::post, until};
use serde_json::json;

use crate::faults::House;

pub const PASSWORD: &str = "violet harbour stairs";

pub fn create(server: &Daybook, arguments: &[&str], input: Option<&str>) -> Output {
    let mut command = server.command(&["admin", "create"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it is built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that takes nothing may have ended before.
    let _ = stdin.write_all(input.unwrap_or_default().as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What it prints behind `name=`.
pub fn value(output: &Output, name: &str) -> Option<String> {
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.map(str::to_owned)
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn log_in(client: &Client, email: &str, password: &str) -> Client {
    let tokens = post(client, "/v1/sessions", json!({"email": email, "password": password})).await;
    client.with_token(tokens.expect(201).json()["access_token"].as_str().expect("a token"))
}

/// Catches: a system without an administrator, in which no role can be given.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_made_at_the_machine_and_makes_others() {
    let house = House::new().await;
    let server = house.started("api");
    let client = server.api(&house.client);
    let with_password = ["--email", "ada@example.com", "--name", "Ada", "--password-stdin"];
    let made = create(&server, &with_password, Some(&format!("{PASSWORD}\n")));
    assert!(made.status.success(), "{made:?}");
    let ada = value(&made, "account").expect("it is told");
    assert_eq!(value(&made, "link"), None);
    // They may do what administrators may, at once.
    let admin = log_in(&client, "ada@example.com", PASSWORD).await;
    let me = admin.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!((&me["id"], &me["roles"], &me["name"]), (&json!(ada), &json!(["admin"]), &json!("Ada")));
    admin.get("/v1/activity").await.expect(200);

    // Without a password there is a link, which is good once.
    let made = create(&server, &["--email", "susan@example.com", "--role", "support"], None);
    let (susan, link) = (value(&made, "account").expect("made"), value(&made, "link").expect("made"));
    let token = link.split_once("/account/reset#token=").expect("a page").1;
    let confirmation = json!({"token": token, "password": PASSWORD});
    let confirm = "/v1/accounts/password-resets/confirmation";
    post(&client, confirm, confirmation.clone()).await.expect(200);
    assert_eq!(post(&client, confirm, confirmation).await.expect(422).refusal(), "422 invalid_link");
    let support = log_in(&client, "susan@example.com", PASSWORD).await;
    assert_eq!(support.get("/v1/accounts/me").await.expect(200).json()["roles"], json!(["support"]));
    let roles = json!({"roles": ["admin"], "reason": "She takes over."});
    let path = format!("/v1/accounts/{susan}/roles");
    admin.send(admin.request(reqwest::Method::PUT, &path).json(&roles)).await.expect(200);

    // Who is there stays as they are, with the password that they have.
    let again = create(&server, &with_password, Some("another harbour stairs"));
    assert_eq!(value(&again, "account"), Some(ada));
    log_in(&client, "ada@example.com", PASSWORD).await;
    let other = create(&server, &["--email", "ada@example.com", "--role", "warehouse"], None);
    assert!(error(&other).contains("other roles"), "{other:?}");
}

/// Catches: a creation that broke off after its claim, and stands in the way of each one after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_never_confirmed_is_in_the_way_for_a_while_only() {
    let house = House::new().await;
    let server = house.started("api");
    let client = server.api(&house.client);
    let erin = ["--email", "erin@example.com", "--password-stdin"];
    let first = value(&create(&server, &erin, Some(PASSWORD)), "account").expect("made");
    let other = json!({"email": "frank@example.com", "password": PASSWORD});
    post(&client, "/v1/accounts", other).await.expect(202);
    let accounts = "SELECT count(DISTINCT aggregate_id) FROM events WHERE aggregate_type = 'account'";
    until("the other one is registered", async || house.database.count(accounts).await == 2).await;
    // As if the claim were that of the other account, which never verified an address.
    let claim = async |until: &str| {
        let other = format!(
            "(SELECT min(aggregate_id) FROM events WHERE aggregate_type = 'account' AND aggregate_id <> '{first}')"
        );
        let statement = format!("UPDATE email_claims SET account = {other}, until = {until}");
        house.database.execute(&statement).await;
    };
    claim("now() + interval '1 hour'").await;
    assert!(error(&create(&server, &erin, Some(PASSWORD))).contains("being verified"));
    claim("now() - interval '1 hour'").await;
    let made = value(&create(&server, &erin, Some(PASSWORD)), "account").expect("made");
    let me = log_in(&client, "erin@example.com", PASSWORD).await.get("/v1/accounts/me").await.expect(200);
    assert_eq!(me.json()["id"], json!(made));
    assert_ne!(made, first);
}

/// Catches: a letter that asks someone to confirm an address that counts as verified.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_confirm_an_address_that_an_operator_vouches_for() {
    let house = House::new().await;
    let server = house.started("api");
    let client = server.api(&house.client);
    let fred = ["--email", "fred@example.com", "--password-stdin"];
    assert!(create(&server, &fred, Some(PASSWORD)).status.success());
    let other = json!({"email": "grace@example.com", "password": PASSWORD});
    post(&client, "/v1/accounts", other).await.expect(202);
    let done = "SELECT count(*) FROM effects WHERE kind = 'mail.account_verify' AND state = 'done'";
    until("both letters are thought of", async || house.database.count(done).await == 2).await;
    let mails = mails_in(&house.home.path().join("mail"));
    assert!(
        mails.iter().any(|mail| mail.contains("grace@example.com") && mail.contains("confirm")),
        "{mails:?}"
    );
    assert!(!mails.iter().any(|mail| mail.contains("fred@example.com")), "{mails:?}");
}

/// Catches: a wrong word that makes half an account, or is told with what was secret in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_account_is_refused_and_leaves_nothing() {
    let house = House::new().await;
    let server = house.server("none");
    for (arguments, input, reason) in [
        (&["--email", "nonsense"][..], None, "--email"),
        (&["--email", "ada@example.com", "--name", ""], None, "--name"),
        (&["--email", "ada@example.com", "--password-stdin"], Some(""), "standard input"),
        (&["--email", "ada@example.com", "--password-stdin"], Some("short"), "standard input"),
        (&["--email", "ada@example.com", "--password-stdin"], Some("two\nlines of it"), "standard input"),
        (&["--email", "ada@example.com", "--password-stdin"], Some("password1"), "guessed"),
    ] {
        let told = error(&create(&server, arguments, input));
        assert!(told.contains(reason), "{arguments:?}: {told}");
        assert!(input.is_none_or(|input| input.is_empty() || !told.contains(input)), "{told}");
    }
    let rows = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM credentials)
                     + (SELECT count(*) FROM email_claims)";
    assert_eq!(house.database.count(rows).await, 0);
}
