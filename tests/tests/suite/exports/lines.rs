//! Events as lines of JSON: from the database, from a running server, and on from what a file has already.

use daybook_domain::policy::Role;
use daybook_tests::{
    Daybook, Door, TestApp,
    exporter::{Exported, Exporter},
    server::free_port,
    until,
};
use serde_json::json;

use super::{at_database, from, parsed, positions, shop};
use crate::{
    faults::House,
    http::orders::{order, place},
};

async fn head(app: &TestApp) -> i64 {
    app.database.count("SELECT max(position) FROM events").await
}

/// Catches: a field that the door and the file write differently; a filter that means two things.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_gives_the_same_bytes_as_the_database() {
    let (app, door) = shop().await;
    let customer = json!({"sku": "CUP", "name": "Tasse \"é\"", "metadata": {"a": "\\"}, "price": {"amount": 1, "currency": "EUR"}});
    app.by(Role::Merchandiser).post("/v1/products", customer).await.expect(201);
    let odd = app.customer("o\"brien \\ é");
    let id = place(&odd, order(&[("TEA-1", 2)])).await;
    app.sell("TEA-12", 500, 10).await;
    let (database, laptop) = (at_database(&app), Exporter::elsewhere());
    let from = from(&app, &door, Role::Analyst);
    for choice in [
        String::new(),
        "--types StockReceived,OrderPlaced".into(),
        "--types Order,OrderPlace".into(),
        "--types Internal".into(),
        "--stream stock/TEA-1".into(),
        format!("--stream order/{id} --types OrderPlaced"),
        "--stream stock/NONE".into(),
        "--after 2 --until 5".into(),
        "--after 1000000".into(),
        "--until 0".into(),
    ] {
        let here = database.expect(&choice).await;
        let there = laptop.expect(&format!("--from {from} {choice}")).await;
        assert_eq!(there.lines, here.lines, "{choice}");
        assert_eq!(there.told, format!("events={}\n", here.lines.lines().count()), "{choice}");
    }
    let all = database.expect("").await.lines;
    assert_eq!(positions(&all), (1..=head(&app).await).collect::<Vec<_>>());
    assert!(parsed(&all).iter().any(|event| event["metadata"]["actor"] == "o\"brien \\ é"));
}

/// Catches: an event that is left out or written twice where a file is continued.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_continued_behind_its_last_whole_line() {
    let (app, door) = shop().await;
    let from = from(&app, &door, Role::Analyst);
    for (exporter, source) in
        [(at_database(&app), String::new()), (Exporter::elsewhere(), format!("--from {from}"))]
    {
        let whole = exporter.expect(&source).await.lines;
        exporter.expect(&format!("{source} --out log.ndjson --resume --until 2")).await;
        assert_eq!(positions(&exporter.read("log.ndjson")), [1, 2]);
        // A run that was killed in the midst of a line.
        let torn = format!("{}{{\"position\":3,\"ev", exporter.read("log.ndjson"));
        std::fs::write(exporter.folder.path().join("log.ndjson"), torn).unwrap();
        let told = exporter.expect(&format!("{source} --out log.ndjson --resume")).await.told;
        assert_eq!(exporter.read("log.ndjson"), whole);
        assert_eq!(told, format!("events={}\n", whole.lines().count() - 2));
        let gap = exporter.run(&format!("{source} --out log.ndjson --resume --after 1000")).await;
        assert!(!gap.is_well && gap.told.contains("would leave some out"), "{}", gap.told);
        // Nothing is new, and nothing is lost by asking.
        exporter.expect(&format!("{source} --out log.ndjson --resume")).await;
        assert_eq!(exporter.read("log.ndjson"), whole);
    }
}

/// Catches: a file of something else that is written over; two logs in one file.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_continued_is_left_alone() {
    let (app, _door) = shop().await;
    let exporter = at_database(&app);
    let path = exporter.folder.path().join("notes.txt");
    std::fs::write(&path, "milk\neggs").unwrap();
    let refused = exporter.run("--out notes.txt --resume").await;
    assert!(!refused.is_well && refused.told.contains("its last line is no event"), "{}", refused.told);
    assert_eq!(exporter.read("notes.txt"), "milk\neggs");

    exporter.expect("--out log.ndjson").await;
    let (other, _) = shop().await;
    other.sell("TEA-2", 1, 1).await;
    let stranger = Exporter::at_database(other.config.database_url.expose());
    let log = exporter.read("log.ndjson");
    let here = stranger.folder.path().join("log.ndjson");
    std::fs::write(&here, &log).unwrap();
    let refused = stranger.run("--out log.ndjson --resume").await;
    assert!(!refused.is_well && refused.told.contains("made from another log"), "{}", refused.told);
    assert_eq!(stranger.read("log.ndjson"), log);
}

/// Catches: a token in a message; a panic of the client; a file that is left behind by what can't be read.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_told_plainly() {
    let (app, door) = shop().await;
    let laptop = Exporter::elsewhere();
    let address = app.door();
    let token = app.token("ann", &[Role::Analyst]);
    let customer = app.token("alice", &[Role::Customer]);
    std::fs::write(laptop.folder.path().join("empty.pem"), "").unwrap();
    let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(laptop.folder.path().join("torn.pem"), torn).unwrap();
    let nobody = free_port();
    for (from, reason) in [
        (door.connection_string(address, "esdb", &customer), "may not read the log"),
        (door.connection_string(address, "esdb", "nonsense"), "refuses the token"),
        (format!("esdb://ann:{token}@127.0.0.1:{nobody}?tls=false"), "nothing answers there"),
        (format!("esdb://ann:{token}@{address}?tls=false"), "nothing answers there"),
        (format!("esdb://ann:{token}@{address}?tlsCAFile=none.pem"), "tlsCAFile can't be used"),
        (format!("esdb://ann:{token}@{address}?tlsCAFile=empty.pem"), "it has no certificate"),
        (format!("esdb://ann:{token}@{address}?tlsCAFile=torn.pem"), "tlsCAFile can't be used"),
        (format!("http://ann:{token}@{address}"), "another scheme"),
        (format!("esdb://ann:{token}@host:port:port"), "can't be read"),
        (format!("esdb://ann:{token}@{address}?maxDiscoverAttempts=many"), "can't be read"),
    ] {
        let refused = laptop.run(&format!("--from {from} --out log.ndjson")).await;
        assert!(!refused.is_well && refused.told.contains(reason), "{from}: {}", refused.told);
        assert!(!refused.told.contains(&token) && !refused.told.contains("panicked"), "{}", refused.told);
        assert_eq!(std::fs::read_dir(laptop.folder.path()).unwrap().count(), 2, "{from}");
    }
    for (arguments, reason) in [
        ("--from esdb://x:y@z --raw", "cannot be used with"),
        ("--format parquet", "--dir <FOLDER>"),
        ("--dir files", "needs --dir"),
        ("--after=-1", "is not in"),
        ("--stream TEA-1", "KIND/ID"),
        ("--resume", "--out"),
    ] {
        let refused = laptop.run(arguments).await;
        assert!(!refused.is_well && refused.told.contains(reason), "{arguments}: {}", refused.told);
    }
}

/// Catches: a list of processes that shows a token.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_string_may_come_from_standard_input() {
    let (app, door) = shop().await;
    let laptop = Exporter::elsewhere();
    std::fs::write(laptop.folder.path().join("from"), from(&app, &door, Role::Analyst)).unwrap();
    let mut command = laptop.command("--from - --types StockReceived");
    command.stdin(std::fs::File::open(laptop.folder.path().join("from")).unwrap());
    let exported = Exported::of(command.output().await.unwrap());
    assert_eq!((exported.is_well, parsed(&exported.lines).len()), (true, 1), "{}", exported.told);
}

/// A server that can be killed, and its door.
fn server(house: &House, door: &Door) -> (Daybook, std::net::SocketAddr) {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut server = door.open_in(house.server("one"), address);
    server.start();
    (server, address)
}

/// Catches: a follower that ends with the server, or that misses or repeats what came meanwhile; one that doesn't end
/// when it is asked to.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_sees_every_event_once_whatever_is_killed() {
    let (house, door) = (House::new().await, Door::new());
    let (mut server, address) = server(&house, &door);
    house.sell(&server, 1_000).await;
    let from = door.connection_string(address, "esdb", &server.token("ann", Role::Analyst));
    let database = Exporter::at_database(house.database.app_url().as_str());
    let laptop = Exporter::elsewhere();
    let begin =
        |exporter: &Exporter, source: &str| exporter.start(&format!("{source} --follow --out log.ndjson"));
    let source = format!("--from {from}");
    let mut followers = [begin(&database, ""), begin(&laptop, &source)];
    let head = async || house.database.count("SELECT max(position) FROM events").await;
    let have = async |head: i64| {
        until("both have every event", async || {
            let ends = |exporter: &Exporter| positions_so_far(exporter).last().copied() == Some(head);
            ends(&database) && ends(&laptop)
        })
        .await;
    };
    have(head().await).await;
    for round in 0..3 {
        if round == 1 {
            // The follower is killed, and another one goes on with its file.
            for follower in &mut followers {
                follower.kill().await.unwrap();
            }
            house.receive(&server, 1).await;
            followers = [begin(&database, ""), begin(&laptop, &source)];
            have(head().await).await;
        }
        server.kill();
        server.start();
        house.receive(&server, 1).await;
        have(head().await).await;
    }
    for follower in followers {
        assert!(Exporter::end(follower).await);
    }
    let all = (1..=head().await).collect::<Vec<_>>();
    assert_eq!((positions_so_far(&database), positions_so_far(&laptop)), (all.clone(), all));
}

/// The last line may be half written.
fn positions_so_far(exporter: &Exporter) -> Vec<i64> {
    let text = exporter.read("log.ndjson");
    positions(&text[..text.rfind('\n').map_or(0, |end| end + 1)])
}

/// Catches: two runs that write one file.
#[tokio::test(flavor = "multi_thread")]
async fn one_file_has_one_writer() {
    let (app, _door) = shop().await;
    let exporter = at_database(&app);
    let mut first = exporter.start("--follow --out log.ndjson");
    until("it writes", async || !exporter.read("log.ndjson").is_empty()).await;
    let refused = exporter.run("--resume --out log.ndjson").await;
    assert!(!refused.is_well && refused.told.contains("another export writes"), "{}", refused.told);
    first.kill().await.unwrap();
    exporter.expect("--resume --out log.ndjson").await;
}
