//! An effect happens at least once, and a repeat is recognisable.

use std::{env, fs, path::PathBuf};

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp, shop::new_id, smtp::MailSink, until};
use serde_json::json;

use super::orders::{order, place};

pub async fn order_with_mail(client: &Client) -> String {
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Alice Ærø", "email": "alice@example.com"});
    place(client, body).await
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let found = mail.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {mail}")).trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_hears_of_each_step_once() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let id = order_with_mail(&alice).await;
    let silent = place(&alice, order(&[("TEA-1", 1)])).await;
    let (support, warehouse) = (app.by(Role::Support), app.by(Role::Warehouse));
    for id in [&id, &silent] {
        support.post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
        warehouse.post(&format!("/v1/orders/{id}/shipments"), json!({"tracking": "1Z"})).await.expect(200);
    }
    let other = order_with_mail(&alice).await;
    alice.post(&format!("/v1/orders/{other}/cancellation"), json!({})).await.expect(200);
    app.settle().await;
    let mails = app.mails();
    let mut subjects: Vec<&str> = mails.iter().map(|mail| header(mail, "Subject:")).collect();
    subjects.sort_unstable();
    let mut expected = [
        format!("Order received: {id}"),
        format!("Order shipped: {id}"),
        format!("Order received: {other}"),
        format!("Order cancelled: {other}"),
    ];
    expected.sort();
    assert_eq!(subjects, expected);
    for mail in &mails {
        assert!(header(mail, "To:").contains("alice@example.com"));
        assert_eq!(header(mail, "Auto-Submitted:"), "auto-generated");
    }
}

/// Catches: an order that was placed behind its shipment, for who reads the mails.
#[tokio::test(flavor = "multi_thread")]
async fn mails_of_an_order_come_in_the_order_of_its_events() {
    let sink = MailSink::start().await;
    let app = TestApp::start_with(|config| config.mail.smtp_url = Some(sink.url().as_str().into())).await;
    app.sell("TEA-1", 1999, 100).await;
    sink.refuse(1);
    let id = order_with_mail(&app.customer("alice")).await;
    let failing = "SELECT count(*) FROM effects WHERE failing_since IS NOT NULL";
    until("the first is refused", async || app.database.count(failing).await == 1).await;
    let not_yet = "UPDATE effects SET due_at = now() + interval '1 hour' WHERE failing_since IS NOT NULL";
    app.database.execute(not_yet).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.by(Role::Warehouse).post(&format!("/v1/orders/{id}/shipments"), json!({})).await.expect(200);
    let other = order_with_mail(&app.customer("bob")).await;
    until("the mail of another order has come", async || sink.mails().len() == 1).await;
    let waits =
        "SELECT count(*) FROM effects WHERE kind = 'mail.order_shipped' AND attempts = 0 AND due_at > now()";
    assert_eq!(app.database.count(waits).await, 1, "no claim looks at it");
    app.database.execute("UPDATE effects SET due_at = now() WHERE state = 'pending'").await;
    app.settle().await;
    let subjects: Vec<String> = sink.mails().iter().map(|mail| header(mail, "Subject:").to_owned()).collect();
    let expected =
        [format!("Order received: {other}"), format!("Order received: {id}"), format!("Order shipped: {id}")];
    assert_eq!(subjects, expected);
}

/// Catches: only authorities of the public web.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_with_an_authority_of_its_own_is_trusted_if_that_is_said() {
    let ca_file = env::temp_dir().join(format!("{}.pem", new_id()));
    let sink = MailSink::start_encrypted(&ca_file).await;
    let start = |ca_file: Option<PathBuf>| {
        let url = sink.url();
        TestApp::start_with(move |config| {
            config.mail.smtp_url = Some(url.as_str().into());
            config.mail.ca_file = ca_file;
        })
    };
    let app = start(None).await;
    app.sell("TEA-1", 1999, 100).await;
    order_with_mail(&app.customer("alice")).await;
    let tried = "SELECT count(*) FROM effects WHERE last_error LIKE 'no encrypted connection%'";
    until("it is not trusted", async || app.database.count(tried).await == 1).await;
    let app = start(Some(ca_file.clone())).await;
    app.sell("TEA-1", 1999, 100).await;
    order_with_mail(&app.customer("alice")).await;
    app.settle().await;
    assert_eq!(sink.mails().len(), 1);
    fs::remove_file(ca_file).expect("it is there");
}

/// Catches: an id of its own for each try.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_receipt_was_lost_is_sent_again_as_the_same_mail() {
    let sink = MailSink::start().await;
    let app = TestApp::start_with(|config| config.mail.smtp_url = Some(sink.url().as_str().into())).await;
    app.sell("TEA-1", 1999, 100).await;
    sink.break_off(1);
    order_with_mail(&app.customer("alice")).await;
    app.settle().await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "Message-ID:"), header(&mails[1], "Message-ID:"));
    assert_eq!(mails[0], mails[1]);
    // Without an accident there is one.
    order_with_mail(&app.customer("alice")).await;
    app.settle().await;
    assert_eq!(sink.mails().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_busy_is_asked_again() {
    let sink = MailSink::start().await;
    let app = TestApp::start_with(|config| config.mail.smtp_url = Some(sink.url().as_str().into())).await;
    app.sell("TEA-1", 1999, 100).await;
    sink.refuse(1);
    order_with_mail(&app.customer("alice")).await;
    until("the mail has come", async || sink.mails().len() == 1).await;
    app.settle().await;
    assert_eq!(sink.mails().len(), 1);
}
