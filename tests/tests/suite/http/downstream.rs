//! Whatever happens between the log and the reader, a query that names a position is right, an effect is
//! done once where nothing broke, and in the end every read model equals the log.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use daybook_core::config::Part;
use daybook_domain::policy::Role;
use daybook_migrations::SERVER;
use daybook_tests::{Log, OwnNats, OwnPostgres, TestApp, TestDatabase, smtp::MailSink, until};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    mails::order_with_mail,
    operators::verified,
    orders::{order, place},
};

/// Places, confirms and reads orders until told to stop. What the server refuses for now is asked again.
struct Load {
    clients: JoinSet<()>,
    rounds: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

impl Load {
    fn on(apps: &[&TestApp]) -> Self {
        let (rounds, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for number in 0..4 {
            let app = apps[number % apps.len()];
            let (alice, support) = (app.customer("alice"), app.by(Role::Support));
            let (rounds, enough) = (Arc::clone(&rounds), Arc::clone(&enough));
            clients.spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let key = daybook_tests::shop::new_id().simple().to_string();
                    let placed = alice.post_keyed("/v1/orders", &key, order(&[("TEA-1", 1)])).await;
                    if placed.status >= 500 || placed.status == 409 {
                        continue;
                    }
                    let path = format!("/v1/orders/{}", placed.expect(201).json()["id"].as_str().unwrap());
                    let confirmed = support.post(&format!("{path}/confirmation"), json!({})).await;
                    let shown = alice.get(&path).await;
                    if confirmed.status == 200 && shown.status == 200 {
                        assert_eq!(shown.json()["status"], "confirmed", "one reads what one wrote");
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { clients, rounds, enough }
    }

    async fn progress(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        until("there is progress", async || self.rounds.load(Ordering::Relaxed) > before + 20).await;
    }

    async fn end(self) {
        self.enough.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work_and_do_nothing_twice() {
    let a = TestApp::start().await;
    let b = a.twin(|_| {}).await;
    a.sell("TEA-1", 1999, 100_000).await;
    let load = Load::on(&[&a, &b]);
    for app in [&a, &b, &a] {
        order_with_mail(&app.customer("carol")).await;
        load.progress().await;
    }
    load.end().await;
    a.settle().await;
    assert_eq!(a.mails().len(), 3);
    assert_eq!(a.database.count("SELECT count(*) FROM effects WHERE attempts > 1").await, 0);
    verified(&a).await;
    Log::check(&a.database.superuser).await;
    // What one process was told, the other shows.
    let id = place(&a.customer("alice"), order(&[("TEA-1", 1)])).await;
    let head = Log::read(&a.database.superuser).await.head();
    let request = b.customer("alice").request(reqwest::Method::GET, &format!("/v1/orders/{id}"));
    b.anonymous.send(request.header("daybook-min-position", head.0)).await.expect(200);
}

/// A process that lost a lease may still be at work when the next one begins, as after SIGSTOP. Catches: the
/// fence removed.
#[tokio::test(flavor = "multi_thread")]
async fn fault_leases_that_are_taken_away_all_the_time_spoil_nothing() {
    let sink = MailSink::start().await;
    let a = TestApp::start_with(|config| config.mail.smtp_url = Some(sink.url().as_str().into())).await;
    let b = a.twin(|_| {}).await;
    a.sell("TEA-1", 1999, 100_000).await;
    let load = Load::on(&[&a, &b]);
    for round in 0..30 {
        if round % 5 == 0 {
            order_with_mail(&a.customer("carol")).await;
        }
        load.progress().await;
        a.database.execute("DELETE FROM leases").await;
    }
    load.end().await;
    verified(&a).await;
    assert_eq!(sink.mails().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_leaves_its_work_to_the_other() {
    let mut a = TestApp::start().await;
    a.sell("TEA-1", 1999, 1_000).await;
    a.settle().await;
    let b = a.twin(|_| {}).await;
    a.stop().await;
    let id = place(&b.customer("alice"), order(&[("TEA-1", 1)])).await;
    order_with_mail(&b.customer("alice")).await;
    b.customer("alice").get(&format!("/v1/orders/{id}")).await.expect(200);
    b.settle().await;
    assert_eq!(b.mails().len(), 1);
    verified(&b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_can_be_a_process_of_its_own() {
    let api = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    let relay = api.twin(|config| config.roles = vec![Part::Relay]).await;
    let projections = api.twin(|config| config.roles = vec![Part::Projections]).await;
    let reactor = api.twin(|config| config.roles = vec![Part::Reactor]).await;
    // The reactor registers people, which is done by commands.
    for (part, committer) in [(&relay, "none"), (&projections, "none"), (&reactor, "ok")] {
        assert_eq!(part.telemetry.readiness().await["committer"], committer);
    }
    api.sell("TEA-1", 1999, 1_000).await;
    let alice = api.customer("alice");
    let id = order_with_mail(&alice).await;
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    api.settle().await;
    assert_eq!(api.mails().len(), 1);
    verified(&api).await;
}

/// Catches: a consumer that trusts its own place in the stream.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_broker_that_is_killed_and_emptied_is_no_more_than_a_delay() {
    let mut nats = OwnNats::start();
    let app = TestApp::start_with(|config| config.nats_url = nats.url().as_str().into()).await;
    app.sell("TEA-1", 1999, 100_000).await;
    let load = Load::on(&[&app]);
    load.progress().await;
    nats.kill();
    load.progress().await;
    nats.wipe();
    nats.restart();
    load.progress().await;
    nats.freeze();
    load.progress().await;
    nats.thaw();
    load.progress().await;
    load.end().await;
    order_with_mail(&app.customer("carol")).await;
    verified(&app).await;
    assert_eq!(app.mails().len(), 1);
    until("the relay has published everything", async || {
        let log = app.operator().get("/admin/log").await.expect(200).json();
        log["relay_position"] == log["head"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_and_serves_without_a_broker() {
    let mut nats = OwnNats::start();
    nats.kill();
    let app = TestApp::start_with(|config| config.nats_url = nats.url().as_str().into()).await;
    app.sell("TEA-1", 1999, 1_000).await;
    let alice = app.customer("alice");
    let id = order_with_mail(&alice).await;
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    assert_eq!(app.telemetry.readiness().await["nats"], "away");
    app.settle().await;
    assert_eq!(app.mails().len(), 1);
    nats.restart();
    until("the relay has published everything", async || {
        let log = app.operator().get("/admin/log").await.expect(200).json();
        log["relay_position"] == log["head"]
    })
    .await;
}

/// Catches: a checkpoint in another transaction than its rows; a listener that is lost for good.
#[tokio::test(flavor = "multi_thread")]
async fn fault_sessions_that_are_killed_all_the_time_spoil_nothing() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100_000).await;
    let load = Load::on(&[&app]);
    for _ in 0..10 {
        load.progress().await;
        assert!(app.database.kill_sessions(SERVER).await > 0);
    }
    load.progress().await;
    load.end().await;
    order_with_mail(&app.customer("carol")).await;
    verified(&app).await;
    assert_eq!(app.mails().len(), 1);
    Log::check(&app.database.superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_database_that_is_killed_comes_back_and_all_is_well() {
    let mut postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    let app = TestApp::start_on(database, |_| {}).await;
    app.sell("TEA-1", 1999, 100_000).await;
    let load = Load::on(&[&app]);
    for _ in 0..2 {
        load.progress().await;
        postgres.kill();
        app.anonymous.get("/healthz").await.expect(200);
        postgres.restart();
    }
    load.progress().await;
    load.end().await;
    until("it is ready again", async || app.telemetry.get("/readyz").await.status == 200).await;
    order_with_mail(&app.customer("carol")).await;
    verified(&app).await;
    assert_eq!(app.mails().len(), 1);
}
