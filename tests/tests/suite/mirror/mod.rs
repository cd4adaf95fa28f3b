//! Public events are appended to another system, which is a server of ours that keeps the rules of EventStoreDB.

mod copies;
mod differences;
mod judge;
mod refusals;

use std::collections::BTreeMap;

use daybook_domain::published::publish;
use daybook_tests::{Daybook, Log, OtherSystem, until};
use serde_json::Value;
use uuid::Uuid;

use crate::faults::House;

const ROLES: &str = "api,relay,projections,reactor,mirror";

/// What a mirrored event is known by: its type, its place in its stream, and what is in it.
#[derive(Debug, Clone, PartialEq)]
struct Copied {
    id: Uuid,
    revision: u64,
    r#type: String,
    data: String,
}

/// A server that mirrors, with everything else. One that was killed isn't waited for for long.
fn mirroring(house: &House, name: &str, to: &str) -> Daybook {
    house.server(name).with("roles", ROLES).with("mirror.to", to).with("background.lease_term", "1s")
}

/// Streams of the log, as another system should have them.
async fn expected(house: &House) -> BTreeMap<String, Vec<Copied>> {
    let log = Log::read(&house.database.superuser).await;
    let mut streams: BTreeMap<String, Vec<Copied>> = BTreeMap::new();
    for record in &log.records {
        let event = publish(record);
        let name = format!("{}-{}", record.aggregate_type, record.aggregate_id);
        streams.entry(name).or_default().push(Copied {
            id: event.event_id,
            revision: u64::try_from(event.sequence - 1).unwrap(),
            r#type: event.r#type.to_owned(),
            data: event.payload.get().to_owned(),
        });
    }
    streams
}

/// Streams of the other system, each in its order.
fn copied(other: &OtherSystem) -> BTreeMap<String, Vec<Copied>> {
    let mut streams: BTreeMap<String, Vec<Copied>> = BTreeMap::new();
    for kept in other.all() {
        streams.entry(kept.stream).or_default().push(Copied {
            id: kept.id,
            revision: kept.revision,
            r#type: kept.metadata["type"].clone(),
            data: String::from_utf8(kept.data).unwrap(),
        });
    }
    streams
}

/// Everything is there, each once, and nothing else.
#[track_caller]
fn same(copied: &BTreeMap<String, Vec<Copied>>, expected: &BTreeMap<String, Vec<Copied>>) {
    let differs = expected.iter().find(|(name, events)| copied.get(*name) != Some(events));
    let differs = differs.map(|(name, events)| (name, copied.get(name), events));
    assert_eq!(differs, None, "the first that differs");
    assert_eq!(copied.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
}

/// Until the other system has everything, as the server says.
async fn has_mirrored_everything(house: &House, server: &Daybook) {
    let operator = house.operator(server);
    until("the mirror has come to the head", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        log["mirror_position"].is_i64() && log["mirror_position"] == log["head"]
    })
    .await;
}

/// How the mirror of this process is.
async fn worker(house: &House, server: &Daybook) -> Value {
    let all = house.operator(server).get("/admin/workers").await.expect(200).json();
    let of_name = |one: &&Value| one["name"] == "mirror";
    all.as_array().unwrap().iter().find(of_name).cloned().expect("it has a mirror")
}

/// Until the mirror has failed with a message that says this. Returns the message.
async fn tells(house: &House, server: &Daybook, what: &str) -> String {
    let mut message = String::new();
    until(&format!("the mirror says {what:?}"), async || {
        let worker = worker(house, server).await;
        message = worker["last_error"]["message"].as_str().unwrap_or_default().to_owned();
        worker["state"] == "failed" && message.contains(what)
    })
    .await;
    message
}

async fn metric(house: &House, server: &Daybook, name: &str) -> f64 {
    let telemetry = house.client.at(format!("http://{}", server.telemetry));
    let text = telemetry.get("/metrics").await.expect(200).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("there is no {name}"))
}
