//! What arrives at the other system, whatever happens on the way.

use std::collections::HashSet;

use daybook_domain::policy::Role;
use daybook_tests::{
    Daybook, OtherSystem,
    chaos::{Load, stock_up},
    door::{connect, event, events},
    other_system::Mood,
};
use eventstore::{ReadStreamOptions, StreamPosition};
use serde_json::{Value, json};

use super::{copied, expected, has_mirrored_everything, metric, mirroring, same, worker};
use crate::faults::{House, teapots};

/// Puts an event into the log that no server would, in a stream of a kind that isn't known.
async fn append_unknown(house: &House) {
    let sql = "INSERT INTO events
        SELECT 'kettle', 'one', 1, 'KettleBoiled', '1', '{\"secret\":true}', '{\"actor\":\"x\"}', max(position) + 1,
               gen_random_uuid(), clock_timestamp() FROM events";
    house.database.execute(sql).await;
}

/// Catches: a record that is sent instead of its public event; an event that is left out because it isn't public.
#[tokio::test(flavor = "multi_thread")]
async fn every_public_event_of_a_shop_arrives_in_its_stream() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    let alice = house.alice(&server);
    let placed = alice.post("/v1/orders", teapots(2)).await.expect(201).json();
    let order = placed["id"].as_str().unwrap();
    let support = house.by(&server, "support", Role::Support);
    support.post(&format!("/v1/orders/{order}/confirmation"), json!({})).await.expect(200);
    let second = alice.post("/v1/orders", teapots(1)).await.expect(201).json();
    let path = format!("/v1/orders/{}/cancellation", second["id"].as_str().unwrap());
    alice.post(&path, json!({"reason": "too many"})).await.expect(200);
    append_unknown(&house).await;
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);

    // The same as others are told over HTTP, and where in the log each was.
    let told = house.by(&server, "ann", Role::Analyst).get("/v1/events?limit=100").await.expect(200).json();
    let told = told["data"].as_array().unwrap();
    let kept = other.all();
    assert_eq!(kept.len(), told.len());
    for kept in kept {
        let told = told.iter().find(|told| told["event_id"] == kept.id.to_string()).expect("it was told");
        assert_eq!(told["stream"].as_str().unwrap().replacen('/', "-", 1), kept.stream);
        assert_eq!(
            (&told["type"], &kept.metadata["content-type"]),
            (&json!(kept.metadata["type"]), &"application/json".into())
        );
        assert_eq!(told["payload"], serde_json::from_slice::<Value>(&kept.data).unwrap());
        let custom: Value = serde_json::from_slice(&kept.custom_metadata).unwrap();
        for member in ["position", "version", "recorded_at"] {
            assert_eq!(custom[member], told[member], "{custom}");
        }
        assert_eq!(custom["$correlationId"], told["metadata"]["request_id"], "{custom}");
        for (name, value) in told["metadata"].as_object().unwrap() {
            assert_eq!(custom[name], *value, "{custom}");
        }
    }

    // Those who read there with the client of that system.
    let reader = connect(&other.url());
    let from_start = ReadStreamOptions::default().position(StreamPosition::Start);
    let mut read = reader.read_stream(format!("order-{order}"), &from_start).await.expect("it reads");
    let read = events(&mut read).await;
    let types: Vec<&str> = read.iter().map(|read| event(read).event_type.as_str()).collect();
    assert_eq!(types, ["OrderPlaced", "OrderConfirmed"]);

    // Operators are told.
    assert_eq!(house.operator(&server).readiness().await["mirror"], "ok");
    let worker = worker(&house, &server).await;
    assert!(worker["rounds"].as_u64() > Some(0) && worker["state"] != "failed", "{worker}");
    let head = told.len() as f64;
    for (name, value) in
        [("appended_total", head), ("position", head), ("lag_events", 0.0), ("up", 1.0), ("diverged", 0.0)]
    {
        assert_eq!(metric(&house, &server, &format!("daybook_mirror_{name}")).await, value, "{name}");
    }
}

/// Catches: an event that is there twice or never, after calls of which it isn't known what became of them.
#[tokio::test(flavor = "multi_thread")]
async fn fault_mirrors_that_are_killed_and_cut_off_under_load_leave_out_nothing_and_repeat_nothing() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut api = house.server("api").with("roles", "api,relay,projections,reactor");
    api.start();
    stock_up(&house.client, &api).await;
    // They begin late, and still with the first event.
    let mut mirrors =
        ["a", "b"].map(|name| house.server(name).with("roles", "mirror").with("mirror.to", other.url()));
    mirrors.iter_mut().for_each(Daybook::start);
    let load = Load::start(&house.client, [&api, &api], 31);
    for round in 0..4 {
        load.progress(60).await;
        let cut = Some(40);
        other.set(match round % 2 {
            0 => Mood { cut_after: cut, ..Mood::default() },
            _ => Mood { cut_before: cut, ..Mood::default() },
        });
        let mirror = &mut mirrors[round % 2];
        mirror.freeze();
        // As if its time had run out: the other one goes on, and this one wakes in the middle of a page.
        house.database.execute("DELETE FROM leases WHERE name = 'mirror'").await;
        load.progress(60).await;
        mirror.thaw();
        load.progress(20).await;
        mirror.kill();
        house.database.execute("DELETE FROM leases WHERE name = 'mirror'").await;
        mirror.start();
    }
    load.progress(60).await;
    load.end().await;
    other.set(Mood::default());
    has_mirrored_everything(&house, &api).await;
    same(&copied(&other), &expected(&house).await);
    let all = other.all();
    let ids: HashSet<_> = all.iter().map(|kept| kept.id).collect();
    assert_eq!(ids.len(), all.len(), "each once");
}

/// Catches: a repeat that is refused because it comes in other calls than before.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_begins_anew_finds_what_is_there_and_adds_the_rest() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    house.receive(&server, 1).await;
    has_mirrored_everything(&house, &server).await;
    server.kill();
    // More of the same stream, so that it comes in calls that are there in part, and in more calls than one.
    house.database.lengthen("TEAPOT", 3_000).await;
    house.database.execute("DELETE FROM checkpoints WHERE name = 'mirror'").await;
    server.start();
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);

    let (written, appends) = (other.all().len(), other.appends());
    server.kill();
    house.database.execute("DELETE FROM checkpoints WHERE name = 'mirror'").await;
    server.start();
    has_mirrored_everything(&house, &server).await;
    assert_eq!(other.all().len(), written);
    assert!(other.appends() > appends, "it has asked for each");
}

/// Catches: a certificate that isn't looked at, and one of a private authority that is never trusted.
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_is_made_to_whom_the_authority_vouches_for() {
    let (house, other) = (House::new().await, OtherSystem::start_with_tls().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);
    server.kill();

    // One who has the same name, and a certificate that another authority has signed.
    let impostor = OtherSystem::start_with_tls().await;
    let url = impostor.url();
    let trusting = |file: &std::path::Path| format!("tlsCAFile={}", file.display());
    let url = url.replace(&trusting(impostor.trusted().unwrap()), &trusting(other.trusted().unwrap()));
    let mut server = mirroring(&house, "fooled", &url);
    server.start();
    super::tells(&house, &server, "is its certificate trusted?").await;
    assert!(impostor.all().is_empty());
}
