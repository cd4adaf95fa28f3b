//! What leaves the house is the public event, by every door and in every file.

use async_nats::jetstream::consumer::pull;
use daybook_core::config::Part;
use daybook_domain::policy::Role;
use daybook_tests::{Live, TestApp, exporter::Exporter, until};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    orders::{order, place},
    poison::append,
};

/// What no caller may see.
const SECRET: &str = "zwetschgenkuchen";

/// A log in which some things are not public, and some are unknown to this release.
async fn shop() -> TestApp {
    let app = TestApp::start().await;
    let product = json!({"sku": "CUP", "name": "Cup", "external_id": SECRET, "price": {"amount": 1, "currency": "EUR"}});
    let created = app.by(Role::Merchandiser).post("/v1/products", product).await.expect(201);
    assert!(created.text().contains("CUP"));
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let unknown = format!(r#"{{"to":"{SECRET}"}}"#);
    append(&app, "order", &id, "OrderTeleported", &unknown).await;
    append(&app, "parcel", "N7", "ParcelPacked", &unknown).await;
    let later = format!(r#"{{"quantity":5,"supplier":{{"name":"{SECRET}"}}}}"#);
    append(&app, "stock", "TEA-1", "StockReceived", &later).await;
    app
}

const ALL: [&str; 10] = [
    "ProductCreated",
    "Internal",
    "ProductCreated",
    "ProductPublished",
    "StockReceived",
    "StockHeld",
    "OrderPlaced",
    "Internal",
    "Internal",
    "StockReceived",
];

pub fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a line of NDJSON")).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// What `daybook export` writes with these arguments.
async fn exported(app: &TestApp, arguments: &str) -> String {
    let exporter = Exporter::at_database(app.config.database_url.expose());
    exporter.expect(&format!("--out events.ndjson {arguments}")).await;
    exporter.read("events.ndjson")
}

/// Catches: a door that gives what is stored; a hole where something isn't public.
#[tokio::test(flavor = "multi_thread")]
async fn every_door_and_every_file_gives_the_public_event() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let page = analyst.get("/v1/events?limit=100").await.expect(200);
    let events = page.json()["data"].as_array().unwrap().clone();
    assert_eq!(types(&events), ALL);
    for (position, event) in (1..).zip(&events) {
        assert_eq!((&event["position"], &event["version"]), (&json!(position), &json!(1)));
        if event["type"] == "Internal" {
            assert_eq!((&event["payload"], &event["metadata"]), (&json!({}), &json!({})));
        }
    }
    assert_eq!(events[8]["stream"], "parcel/N7");
    assert_eq!(events[9]["payload"], json!({"quantity": 5}));

    let request = analyst.request(Method::GET, "/v1/events").header("accept", "application/x-ndjson");
    let lines = analyst.send(request).await.expect(200).text();
    assert_eq!(parsed(&lines), events);
    let mut live = Live::open(&analyst, "", None).await;
    let mut followed = Vec::new();
    while followed.len() < events.len() {
        let frame = live.event().await;
        let event = frame.data.unwrap();
        assert_eq!(frame.event.as_deref(), event["type"].as_str());
        followed.push(event);
    }
    assert_eq!(followed, events);
    let file = exported(&app, "").await;
    assert_eq!(file, lines, "byte by byte");
    // The stream's own name is told: it is the place of the event.
    let in_payloads = events.iter().filter(|event| event["payload"].to_string().contains(SECRET));
    assert_eq!(types(&in_payloads.cloned().collect::<Vec<_>>()), ["ProductCreated"], "its external_id");

    let raw = exported(&app, "--raw").await;
    let raw = parsed(&raw);
    assert_eq!(types(&raw)[1], "ExternalIdTaken");
    assert_eq!(types(&raw)[7..9], ["OrderTeleported", "ParcelPacked"]);
    assert_eq!(raw[9]["payload"]["supplier"]["name"], SECRET);
    assert_eq!(raw[2..7], events[2..7], "where nothing changes, they are the same");
}

/// Catches: a filter that looks at stored names, or that ends where it has looked at enough.
#[tokio::test(flavor = "multi_thread")]
async fn the_filter_means_public_types() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let positions = async |query: &str| {
        let page = analyst.get(&format!("/v1/events?{query}")).await.expect(200).json();
        let events = page["data"].as_array().unwrap().iter();
        events.map(|event| event["position"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(positions("types=Internal").await, [2, 8, 9]);
    assert_eq!(positions("types=Internal,OrderPlaced&after=2&limit=2").await, [7, 8]);
    assert_eq!(positions("types=ExternalIdTaken,OrderTeleported").await, Vec::<i64>::new());
    assert_eq!(positions("types=Internal&stream=parcel/N7").await, [9]);
    // Stored under the name, and not what the name promises.
    append(&app, "stock", "TEA-1", "StockReceived", r#"{"quantity":"many"}"#).await;
    assert_eq!(positions("types=StockReceived").await, [5, 10]);
    app.database.lengthen("FAR", 2_500).await;
    let last = append(&app, "parcel", "N8", "ParcelPacked", "{}").await;
    assert_eq!(positions("types=Internal&after=9").await, [11, last]);
    let file = exported(&app, "--types Internal").await;
    let of_file: Vec<i64> = parsed(&file).iter().map(|event| event["position"].as_i64().unwrap()).collect();
    assert_eq!(of_file, [2, 8, 9, 11, last]);
    assert_eq!(parsed(&exported(&app, "--raw --types ParcelPacked").await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_goes_on_behind_what_is_not_public() {
    let app = shop().await;
    let orders = app.database.count("SELECT count(*) FROM events WHERE event_type = 'OrderTeleported'").await;
    assert_eq!(orders, 1);
    let events = app.by(Role::Analyst).get("/v1/events?types=OrderPlaced").await.expect(200).json();
    let stream = events["data"][0]["stream"].as_str().unwrap();
    let path = format!("/v1/orders/{}/history", stream.strip_prefix("order/").unwrap());
    let history = app.customer("alice").get(&path).await.expect(200);
    assert!(!history.text().contains(SECRET));
    let changes = history.json();
    assert_eq!(changes["data"][0]["what"], "OrderPlaced");
    let internal = &changes["data"][1];
    assert_eq!((&internal["what"], &internal["version"]), (&json!("Internal"), &json!(2)));
    assert_eq!((&internal["who"], &internal["details"]), (&Value::Null, &json!({})));
    let stock = app.by(Role::Warehouse).get("/v1/stock/TEA-1/history").await.expect(200);
    assert!(!stock.text().contains(SECRET));
    assert_eq!(stock.json()["data"][2]["details"], json!({"quantity": 5}));
}

/// Those who read events can find out what they mean.
#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_event_is_documented() {
    let app = shop().await;
    let listed = app.anonymous.get("/v1/event-types").await.expect(200).json();
    let listed = listed["data"].as_array().unwrap();
    for name in ALL {
        let of_name: Vec<&Value> = listed.iter().filter(|one| one["type"] == name).collect();
        assert_eq!(of_name.len(), 1, "{name}");
        assert!(of_name[0]["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert_eq!(of_name[0]["version"], 1);
    }
    let placed = listed.iter().find(|one| one["type"] == "OrderPlaced").unwrap();
    assert_eq!(placed["webhook"], "order.placed");
    let payload = &placed["payload"];
    assert_eq!(payload["required"], json!(["lines", "currency", "total"]));
    assert_eq!(payload["properties"]["lines"]["items"]["properties"]["sku"]["type"], "string");
    assert_eq!(payload["properties"]["total"]["properties"]["amount"]["type"], "integer");
    let internal = listed.iter().find(|one| one["type"] == "Internal").unwrap();
    assert!(internal.get("webhook").is_none(), "{internal}");
}

/// Catches: a record in a public message; an order of messages that isn't the log's.
#[tokio::test(flavor = "multi_thread")]
async fn other_systems_follow_orders_in_jetstream() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let state = app.operator().get("/admin/log").await.expect(200).json();
    assert_eq!(state["publisher_position"], Value::Null, "it is off unless it is asked for");
    let early = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let publisher = app.twin(|config| config.roles = vec![Part::Publisher]).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.by(Role::Warehouse).post(&format!("/v1/orders/{id}/shipments"), json!({})).await.expect(200);
    append(&app, "order", &id, "OrderTeleported", &format!(r#"{{"to":"{SECRET}"}}"#)).await;
    until("the publisher has published everything", async || {
        let log = app.operator().get("/admin/log").await.expect(200).json();
        log["publisher_position"] == log["head"]
    })
    .await;

    let client = async_nats::connect(app.config.nats_url.expose()).await.unwrap();
    let name = format!("{}_EVENTS", app.config.stream.name);
    let stream = async_nats::jetstream::new(client).get_stream(name).await.unwrap();
    let subjects = format!("{}.public.order", app.config.stream.subject_prefix);
    let config = pull::Config { filter_subject: format!("{subjects}.>"), ..pull::Config::default() };
    let mut messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    let events = app.by(Role::Analyst).get("/v1/events?limit=100").await.expect(200).json();
    let of_orders = |event: &&Value| event["stream"].as_str().unwrap().starts_with("order/");
    let expected: Vec<&Value> = events["data"].as_array().unwrap().iter().filter(of_orders).collect();
    let mut told = Vec::new();
    for event in &expected {
        let message = messages.next().await.unwrap().unwrap();
        let headers = message.headers.as_ref().unwrap();
        assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), event["event_id"].as_str().unwrap());
        assert_eq!(headers.get("Daybook-Position").unwrap().as_str(), event["position"].to_string());
        let body: Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(&&body, event);
        told.push((message.subject.to_string(), event["stream"].as_str().unwrap()));
    }
    let (early, id) = (format!("order/{early}"), format!("order/{id}"));
    let of = |name: &str, stream: &str| (format!("{subjects}.{name}"), stream.to_owned());
    let told: Vec<(String, String)> =
        told.into_iter().map(|(subject, stream)| (subject, stream.to_owned())).collect();
    assert_eq!(
        told,
        [
            of("OrderPlaced", &early),
            of("OrderPlaced", &id),
            of("OrderConfirmed", &id),
            of("OrderShipped", &id),
            of("Internal", &id),
        ]
    );
    drop(publisher);
}
