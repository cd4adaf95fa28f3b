//! What there is.

use daybook_domain::policy::Role;
use daybook_tests::{
    TestApp,
    door::{event, events, positions, revisions, said},
};
use eventstore::{Client, Error, Position, ReadAllOptions, ReadEvent, ReadStreamOptions, StreamPosition};
use reqwest::Method;
use serde_json::Value;

use super::{head, shop};
use crate::http::orders::{order, place};

fn at(position: u64) -> StreamPosition<Position> {
    StreamPosition::Position(Position { commit: position, prepare: position })
}

async fn read_all(client: &Client, options: ReadAllOptions) -> Vec<i64> {
    positions(&events(&mut client.read_all(&options).await.unwrap()).await)
}

async fn read_stream(client: &Client, name: &str, options: ReadStreamOptions) -> Vec<u64> {
    revisions(&events(&mut client.read_stream(name, &options).await.unwrap()).await)
}

async fn lines(app: &TestApp, query: &str) -> Vec<Value> {
    let analyst = app.by(Role::Analyst);
    let path = format!("/v1/events{query}");
    let request = analyst.request(Method::GET, &path).header("accept", "application/x-ndjson");
    let text = analyst.send(request).await.text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Catches: another event than other doors show, and one that is not public.
#[tokio::test(flavor = "multi_thread")]
async fn the_door_shows_the_events_that_other_doors_show() {
    let (app, _door, analyst) = shop().await;
    let mut body = order(&[("TEA-1", 2)]);
    body["contact"] = serde_json::json!({"name": "Alice Example", "email": "alice@example.com"});
    body["external_id"] = "A-1".into();
    place(&app.customer("alice"), body).await;
    let read = events(&mut analyst.read_all(&ReadAllOptions::default()).await.unwrap()).await;
    let lines = lines(&app, "").await;
    assert_eq!(read.len(), lines.len());
    for (read, line) in read.iter().zip(&lines) {
        let event = event(read);
        assert_eq!(event.stream_id.replacen('-', "/", 1), line["stream"].as_str().unwrap());
        assert_eq!(Some(event.revision + 1), line["sequence"].as_u64());
        assert_eq!(read.commit_position, line["position"].as_u64());
        assert_eq!(event.id.to_string(), line["event_id"].as_str().unwrap());
        assert_eq!(event.event_type, line["type"].as_str().unwrap());
        assert_eq!(event.as_json::<Value>().unwrap(), line["payload"]);
        assert!(event.is_json);
        let recorded_at = line["recorded_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        // The client leaves out what is less than a second.
        assert_eq!(event.created.timestamp(), recorded_at.unwrap().timestamp());
        let mut custom: Value = serde_json::from_slice(&event.custom_metadata).unwrap();
        let custom = custom.as_object_mut().unwrap();
        assert_eq!(custom.remove("version"), Some(line["version"].clone()));
        assert_eq!(custom.remove("$correlationId"), line["metadata"].get("request_id").cloned());
        assert_eq!(Value::Object(custom.clone()), line["metadata"]);
    }
    assert!(read.iter().any(|read| event(read).event_type == "Internal"));
}

/// Catches: an end that is included or left out by mistake, in either direction.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_from_any_place_in_either_direction() {
    let (app, _door, analyst) = shop().await;
    app.database.lengthen("TEA-1", 450).await;
    let head = head(&app).await;
    let forwards = || ReadAllOptions::default().forwards();
    let backwards = || ReadAllOptions::default().position(StreamPosition::End).backwards();
    assert_eq!(read_all(&analyst, forwards()).await, (1..=head).collect::<Vec<_>>());
    assert_eq!(read_all(&analyst, backwards()).await, (1..=head).rev().collect::<Vec<_>>());
    assert_eq!(read_all(&analyst, forwards().max_count(2)).await, [1, 2]);
    assert_eq!(read_all(&analyst, backwards().max_count(2)).await, [head, head - 1]);
    assert_eq!(read_all(&analyst, forwards().position(at(3)).max_count(2)).await, [3, 4]);
    let back = ReadAllOptions::default().position(at(3)).backwards();
    assert_eq!(read_all(&analyst, back).await, [2, 1]);
    let beyond = u64::try_from(head).unwrap() + 5;
    assert!(read_all(&analyst, forwards().position(at(beyond))).await.is_empty());
}

/// Catches: revisions that begin with 1, and a last one that isn't told or told wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_from_any_revision_in_either_direction() {
    let (app, _door, analyst) = shop().await;
    app.database.lengthen("TEA-1", 450).await;
    let last = u64::try_from(app.database.count("SELECT max(sequence) FROM events").await).unwrap() - 1;
    let forwards = || ReadStreamOptions::default().forwards();
    let backwards = || ReadStreamOptions::default().position(StreamPosition::End).backwards();
    let tea = "stock-TEA-1";
    assert_eq!(read_stream(&analyst, tea, forwards()).await, (0..=last).collect::<Vec<_>>());
    assert_eq!(read_stream(&analyst, tea, backwards()).await, (0..=last).rev().collect::<Vec<_>>());
    let from = |revision| StreamPosition::Position(revision);
    assert_eq!(read_stream(&analyst, tea, forwards().position(from(3)).max_count(2)).await, [3, 4]);
    let back = ReadStreamOptions::default().position(from(2)).backwards();
    assert_eq!(read_stream(&analyst, tea, back).await, [2, 1, 0]);
    let start = ReadStreamOptions::default().position(StreamPosition::Start).backwards();
    assert_eq!(read_stream(&analyst, tea, start).await, [0]);
    let options = forwards().max_count(1);
    let said = said(&mut analyst.read_stream(tea, &options).await.unwrap()).await;
    assert!(matches!(&said[..], [ReadEvent::Event(_), ReadEvent::LastStreamPosition(told)] if *told == last));
    for absent in ["stock-TEA-2", "nothing", "$streams", "$ce-nothing", "$et-Nothing"] {
        let mut read = analyst.read_stream(absent, &ReadStreamOptions::default()).await.unwrap();
        assert!(matches!(read.next().await, Err(Error::ResourceNotFound)), "{absent}");
    }
}

/// Catches: a place of one stream that is taken for one of another, in either direction and from a place of neither.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_lie_among_each_other_are_read_apart() {
    let (app, _door, analyst) = shop().await;
    app.sell("TEA-2", 100, 1).await;
    for _ in 0..4 {
        app.database.lengthen("TEA-1", 350).await;
        app.database.lengthen("TEA-2", 1).await;
    }
    let all = ReadStreamOptions::default().forwards();
    let back = ReadStreamOptions::default().position(StreamPosition::End).backwards();
    for (code, last) in [("TEA-1", 1_400_u64), ("TEA-2", 4)] {
        let name = format!("stock-{code}");
        assert_eq!(read_stream(&analyst, &name, all.clone()).await, (0..=last).collect::<Vec<_>>());
        assert_eq!(read_stream(&analyst, &name, back.clone()).await, (0..=last).rev().collect::<Vec<_>>());
        let sql = format!(
            "SELECT position FROM events WHERE aggregate_type = 'stock' AND aggregate_id = '{code}' ORDER BY position"
        );
        let places: Vec<i64> = sqlx::query_scalar(&sql).fetch_all(&app.database.superuser).await.unwrap();
        let places: Vec<i64> = places.into_iter().skip_while(|place| *place <= 1_000).collect();
        let found = lines(&app, &format!("?stream=stock/{code}&after=1000")).await;
        assert_eq!(found.iter().map(|line| line["position"].as_i64().unwrap()).collect::<Vec<_>>(), places);
    }
}

/// Catches: a link without its event, and a place that a reader can't come back to.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_kind_and_of_a_type_have_links_to_all_their_events() {
    let (app, _door, analyst) = shop().await;
    for _ in 0..2 {
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    }
    let resolved = || ReadStreamOptions::default().resolve_link_tos();
    let read = async |name: &str, options: ReadStreamOptions| {
        events(&mut analyst.read_stream(name, &options).await.unwrap()).await
    };
    let places = async |name| positions(&read(name, resolved()).await);
    let positions_of = async |condition: &str| {
        let sql = format!("SELECT position FROM events WHERE {condition} ORDER BY position");
        let found: Vec<i64> = sqlx::query_scalar(&sql).fetch_all(&app.database.superuser).await.unwrap();
        found
    };
    assert_eq!(places("$ce-stock").await, positions_of("aggregate_type = 'stock'").await);
    assert_eq!(places("$et-OrderPlaced").await, positions_of("event_type = 'OrderPlaced'").await);
    let orders = read("$ce-order", resolved()).await;
    let [first, second] = &orders[..] else { panic!("two orders") };
    let link = first.link.as_ref().unwrap();
    assert_eq!((link.stream_id.as_str(), link.event_type.as_str()), ("$ce-order", "$>"));
    assert_eq!(link.data, format!("0@{}", event(first).stream_id));
    assert_eq!(Some(link.revision), first.commit_position);
    let behind = resolved().position(StreamPosition::Position(link.revision + 1));
    assert_eq!(positions(&read("$ce-order", behind).await), positions(std::slice::from_ref(second)));
    let back = resolved().position(StreamPosition::Position(link.revision)).backwards();
    assert_eq!(positions(&read("$ce-order", back).await), positions(std::slice::from_ref(first)));
    // A client that wants links themselves gets them.
    let unresolved = read("$ce-order", ReadStreamOptions::default()).await;
    assert_eq!(event(&unresolved[0]).event_type, "$>");
    assert!(unresolved[0].link.is_none());
}
