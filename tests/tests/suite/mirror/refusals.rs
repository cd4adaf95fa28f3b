//! What the mirror can't do is told plainly, and without secrets.

use daybook_tests::{
    Daybook, OtherSystem,
    other_system::{Mood, PASSWORD},
    proxy::Weather,
    until,
};

use super::{copied, expected, has_mirrored_everything, mirroring, same, tells};
use crate::faults::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_without_the_password() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url_with("hunter2"));
    server.start();
    house.sell(&server, 1_000).await;
    let message = tells(&house, &server, "doesn't take the user or the password").await;
    assert!(!message.contains("hunter2") && !message.contains("127.0.0.1"), "{message}");
    assert!(server.log().contains("doesn't take the user or the password"));
    assert!(!server.log().contains("hunter2"));
    assert!(other.all().is_empty());
}

/// Catches: a mirror that waits for ever, and one that doesn't come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_is_away_refuses_or_does_not_answer_is_told_and_waited_for() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    other.front().set(Weather::Away);
    let mut server = mirroring(&house, "server", &other.url()).with("mirror.timeout", "300ms");
    server.start();
    house.sell(&server, 1_000).await;
    let message = tells(&house, &server, "can't be reached").await;
    assert!(!message.contains("127.0.0.1"), "{message}");
    other.set(Mood { is_closed: true, ..Mood::default() });
    other.front().set(Weather::Fair);
    tells(&house, &server, "access denied").await;
    other.set(Mood::default());
    has_mirrored_everything(&house, &server).await;

    other.front().set(Weather::AnswersLost);
    house.receive(&server, 1).await;
    tells(&house, &server, "doesn't answer in time").await;
    other.front().set(Weather::Fair);
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);
}

/// What a server says that doesn't start.
fn refused(server: &Daybook) -> String {
    let ended = server.command(&["serve"]).output().expect("the program runs");
    assert!(!ended.status.success());
    String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_not_told_where_to_does_not_start() {
    let house = House::new().await;
    let mirror = || house.server("server").with("roles", "mirror");
    let to = |text: &str| refused(&mirror().with("mirror.to", text));
    let broken = house.home.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n").unwrap();
    let broken = format!("esdb://a:hunter2@db?tlsCAFile={}", broken.display());
    for (said, why) in [
        (refused(&mirror()), "is required by the role mirror"),
        (to("esdb+discover://a:hunter2@db"), "the mirror takes one host"),
        (to("esdb://a:hunter2@db?tlsVerifyCert=false"), "tlsVerifyCert may only be true"),
        (to("esdb://a:hunter2@db?tlsCAFile=/none/ca.pem"), "cannot use the file of tlsCAFile, /none/ca.pem"),
        (to("esdb://a:hunter2@db?tlsCAFile=/dev/null"), "there is no certificate in it"),
        (to(&broken), "TLS certificate"),
    ] {
        assert!(said.contains("mirror.to") || said.contains("MIRROR__TO"), "{said}");
        assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_masked_where_the_configuration_is_shown() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let server = mirroring(&house, "server", &other.url());
    let shown = server.command(&["config"]).output().expect("the program runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("esdb://mirror:********@127.0.0.1:"), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

/// Catches: a process that does nothing but mirror and waits for a broker.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_only_mirrors_needs_no_broker() {
    let (mut house, other) = (House::new().await, OtherSystem::start().await);
    let mut api = house.server("api").with("roles", "api");
    api.start();
    house.sell(&api, 1_000).await;
    house.nats.kill();
    let mut mirror = house.server("mirror").with("roles", "mirror").with("mirror.to", other.url());
    mirror.start();
    has_mirrored_everything(&house, &mirror).await;
    same(&copied(&other), &expected(&house).await);
    // Another one waits, and takes over.
    let mut second = house.server("second").with("roles", "mirror").with("mirror.to", other.url());
    second.start();
    until("it waits", async || super::worker(&house, &second).await["state"] == "waiting").await;
    mirror.kill();
    house.receive(&api, 1).await;
    has_mirrored_everything(&house, &second).await;
    same(&copied(&other), &expected(&house).await);
}
