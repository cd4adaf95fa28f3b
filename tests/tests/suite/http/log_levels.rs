//! Which lines a process writes to its log, changed while it runs.

use chrono::TimeDelta;
use daybook_tests::{Client, Collector, TestApp, smtp::MailSink, until};
use serde_json::{Value, json};

use crate::faults::{House, teapots};

const LEVELS: &str = "/admin/log-levels";

/// Every crate of which a server consists.
const CRATES: [&str; 15] = [
    "daybook",
    "daybook_domain",
    "daybook_migrations",
    "daybook_commands",
    "daybook_projections",
    "daybook_core",
    "daybook_http",
    "daybook_rpc",
    "daybook_door",
    "daybook_grpc",
    "daybook_graphql",
    "daybook_mirror",
    "daybook_effects",
    "daybook_export",
    "daybook_load",
];

fn one(target: &str, level: &str) -> Value {
    json!({"target": target, "level": level})
}

fn change(levels: &[Value], minutes: i64) -> Value {
    json!({"levels": levels, "minutes": minutes, "reason": "Appends are slow."})
}

async fn shown(operator: &Client) -> Value {
    operator.get(LEVELS).await.expect(200).json()
}

/// Catches: a change without an end, and one that is noted nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn levels_are_changed_for_a_while_and_it_is_noted_who_did_it() {
    let app = TestApp::start().await;
    let (operator, configured) = (app.operator(), app.config.log.filter.clone());
    let as_configured = json!({"configured": configured, "levels": [], "until": null});
    assert_eq!(shown(&operator).await, as_configured);
    let levels = [one("daybook_commands::committer", "debug"), one("daybook_http", "off")];
    let changed = operator.put(LEVELS, change(&levels, 30)).await.expect(200).json();
    assert_eq!(changed, json!({"configured": configured, "levels": levels, "until": "2027-01-15T08:30:00Z"}));
    assert_eq!(shown(&operator).await, changed);
    let noted = "SELECT count(*) FROM audit WHERE action = 'log_levels.set' AND outcome = 'allowed' AND actor = 'operator' \
                 AND reason = 'Appends are slow.' AND target = 'daybook_commands::committer=debug,daybook_http=off for 30 min'";
    assert_eq!(app.database.count(noted).await, 1);

    app.clock.advance(TimeDelta::minutes(30));
    until("they have ended", async || shown(&app.operator()).await == as_configured).await;
    let operator = app.operator();
    operator.put(LEVELS, change(&levels, 30)).await.expect(200);
    let ended = operator.put(LEVELS, change(&[], 1)).await.expect(200).json();
    assert_eq!(ended, as_configured);
}

/// Catches: a library's lines, which quote what is sent and received, and a word that becomes another directive.
#[tokio::test(flavor = "multi_thread")]
async fn levels_that_are_none_are_refused() {
    let app = TestApp::start().await;
    let operator = app.operator();
    for target in ["sqlx", "lettre", "daybook=trace,sqlx", "daybook[request]", "", "info"] {
        let refused = operator.put(LEVELS, change(&[one(target, "trace")], 30)).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "/levels/0/target", "{target}: {refused}");
    }
    let refused = operator.put(LEVELS, change(&[one("daybook", "loud")], 30)).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/levels/0/level", "{refused}");
    for minutes in [0, 1_441] {
        let refused =
            operator.put(LEVELS, change(&[one("daybook", "debug")], minutes)).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "/minutes", "{refused}");
    }
    let many = vec![one("daybook", "debug"); 21];
    assert_eq!(
        operator.put(LEVELS, change(&many, 30)).await.refusal(),
        "422 validation_failed /levels invalid_value"
    );
    assert_eq!(shown(&operator).await["levels"], json!([]));
}

/// A process that writes all that it may, in this form: as configured, or by what an operator changes.
async fn nothing_personal_is_told(format: &str, filter: &str) {
    let (house, collector) = (House::new().await, Collector::start().await);
    let sink = MailSink::start().await;
    let mut server = house
        .server(format)
        .with("log.format", format)
        .with("log.filter", filter)
        .with("mail.smtp_url", sink.url())
        .with("effects.attempts", 1)
        .with_variables(collector.variables("always_on"));
    server.start();
    let operator = house.operator(&server);
    let levels = CRATES.map(|name| one(name, "trace"));
    operator.put(LEVELS, change(&levels, 60)).await.expect(200);
    house.sell(&server, 10).await;
    let alice = house.alice(&server);
    let mut body = teapots(1);
    body["contact"] = json!({"name": "Zwetschgenmus", "email": "canary.kumquat@example.com"});
    body["ship_to"] = json!({"name": "Zwetschgenmus", "street": "Quittengasse 1", "city": "Pfirsichstadt", "country": "DE"});
    let placed = alice.post("/v1/orders", body.clone()).await.expect(201).json();
    alice.get(&format!("/v1/orders/{}", placed["id"].as_str().unwrap())).await.expect(200);
    until("the mail is there", async || sink.mails().len() == 1).await;
    assert!(sink.mails()[0].contains("canary.kumquat@example.com"));
    sink.refuse(u32::MAX);
    alice.post("/v1/orders", body.clone()).await.expect(201);
    let mut dead = Value::Null;
    until("a mail is a dead letter", async || {
        dead = operator.get("/admin/dead-letters").await.expect(200).json();
        dead[0].is_object()
    })
    .await;
    body["contact"]["email"] = json!("canary.kumquat@@example.com");
    let refused = alice.post("/v1/orders", body).await.expect(422);
    let metrics = house.client.at(format!("http://{}", server.telemetry)).get("/metrics").await.expect(200);
    until("the last request is in the log", async || {
        let log = server.log();
        log.lines().any(|line| line.contains("/v1/orders") && line.contains("422"))
    })
    .await;
    server.terminate();
    until("it has ended", async || server.ended().is_some()).await;
    let sinks = [
        ("the log", server.log()),
        ("a dead letter", dead.to_string()),
        ("a problem", refused.text()),
        ("the metrics", metrics.text()),
        ("the traces", String::from_utf8_lossy(&collector.bytes()).into_owned()),
    ];
    for (sink, text) in &sinks {
        for canary in ["Zwetschgenmus", "kumquat", "Quittengasse", "Pfirsichstadt"] {
            let found = text.lines().find(|line| line.contains(canary));
            assert!(found.is_none(), "{canary} in {sink}: {found:?}");
        }
    }
    let log = &sinks[0].1;
    assert!(log.contains("the levels of the log are changed"), "{log}");
    assert!(!log.contains("sqlx::query"), "no statement is told");
}

/// Catches: a person's name or address in what the program tells of itself, at its most talkative.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_tells_all_that_it_may_tells_of_no_person() {
    nothing_personal_is_told("json", "trace").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_whose_levels_an_operator_has_changed() {
    nothing_personal_is_told("pretty", "info").await;
}

/// Catches: a level that is kept, and has no effect on what is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_level_changes_what_is_written() {
    let house = House::new().await;
    let mut server = house.server("a").with("log.filter", "info").with("log.lines_per_second", 2);
    server.start();
    let (operator, alice) = (house.operator(&server), house.alice(&server));
    let requests = || server.log().matches("route=\"/v1/orders\"").count();
    alice.get("/v1/orders").await.expect(200);
    until("a request is told", async || requests() > 0).await;
    operator.put(LEVELS, change(&[one("daybook_http::observe", "warn")], 1)).await.expect(200);
    let before = requests();
    for _ in 0..5 {
        alice.get("/v1/orders").await.expect(200);
    }
    assert_eq!(requests(), before);
    operator.put(LEVELS, change(&[], 1)).await.expect(200);
    until("requests are told again, and no more than may be", async || {
        for _ in 0..20 {
            alice.get("/v1/orders").await.expect(200);
        }
        server.log().contains("lines were left out of the log") && requests() > before
    })
    .await;
}
