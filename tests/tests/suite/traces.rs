//! What a collector of OpenTelemetry is sent of a request, by whole processes.

use std::net::{SocketAddr, TcpListener};

use daybook_domain::policy::Role;
use daybook_tests::{
    Client, Collector, Daybook, Reply, collector::Span, grpc::Grpc, mails::mails_in, server::free_port, until,
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Request;

use crate::{
    faults::{House, teapots},
    grpc::order,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// What every sampled order leads to, as far as one process does all of it.
const WAY: [&str; 6] = ["POST /v1/orders", "queue", "append", "publish", "apply orders", "apply reactor"];
const MAIL: &str = "effect mail.order_placed";
const DEEDS: [&str; 2] = ["POST /v1/orders", "append"];

/// Samples what callers say, and nothing else.
const CALLERS: &str = "parentbased_always_off";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// An order of a person, as a caller with this trace.
async fn place(alice: &Client, traceparent: &str) -> Reply {
    let mut body = teapots(1);
    body["contact"] = json!({"name": "Karla Kanary", "email": "karla@canary.example"});
    let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", traceparent);
    alice.send(request.header("traceparent", traceparent).json(&body)).await
}

/// What the events of an order keep of its trace.
async fn kept(house: &House, placed: Reply) -> String {
    let position = placed.expect(201).json()["position"].as_i64().unwrap();
    let sql = "SELECT metadata->>'traceparent' FROM events WHERE position = $1";
    sqlx::query_scalar(sql).bind(position).fetch_one(&house.database.superuser).await.unwrap()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "one {name} in {spans:#?}");
    span
}

/// Asks a process to end, and waits until it has.
async fn end(mut server: Daybook) {
    server.terminate();
    until("it has ended", async || server.ended().is_some()).await;
}

/// Catches: a hop that begins a trace of its own, and one that tells of people.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_from_the_request_to_the_mail() {
    let (house, collector) = (House::new().await, Collector::start().await);
    let mut server = house.server("a").with_variables(collector.variables(CALLERS));
    server.start();
    house.sell(&server, 10).await;
    let alice = house.alice(&server);
    let kept = kept(&house, place(&alice, &traceparent("01")).await).await;
    let spans = collector.trace(TRACE, &[&WAY[..], &[MAIL]].concat()).await;

    let request = named(&spans, WAY[0]);
    assert_eq!((request.kind, request.parent.as_str()), (SpanKind::Server, CALLER));
    assert_eq!(kept, format!("00-{TRACE}-{}-01", request.id));
    let said =
        ["http.request.method", "http.route", "http.response.status_code"].map(|name| request.says(name));
    assert_eq!(said, ["POST", "/v1/orders", "201"]);
    assert_eq!(request.resource["service.name"], "daybook");
    assert_eq!(request.resource["service.version"], env!("CARGO_PKG_VERSION"));
    for span in &spans {
        assert!(span.id == request.id || span.parent == request.id, "{span:#?}");
        assert!(!span.failed, "{span:#?}");
    }

    let append = named(&spans, "append");
    assert_eq!((append.kind, append.says("db.system.name")), (SpanKind::Client, "postgresql"));
    assert_eq!(append.links, [request.id.as_str()]);
    assert_eq!(named(&spans, "queue").links, [append.id.as_str()]);
    let publish = named(&spans, "publish");
    assert_eq!((publish.kind, publish.says("messaging.system")), (SpanKind::Producer, "nats"));
    assert_eq!(publish.says("messaging.destination.name"), house.home.stream());
    let apply = named(&spans, "apply orders");
    assert_eq!((apply.kind, apply.says("messaging.operation.type")), (SpanKind::Consumer, "process"));
    assert_eq!(apply.links, [request.id.as_str()]);
    assert_eq!(
        (named(&spans, MAIL).kind, named(&spans, MAIL).says("daybook.effect.attempt")),
        (SpanKind::Consumer, "1")
    );
    assert!(collector.spans().iter().all(|span| span.trace == TRACE), "the others are not sampled");

    let client = async_nats::connect(house.nats.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream(house.home.stream()).await.unwrap();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    let message = stream.get_raw_message(last).await.unwrap();
    assert_eq!(message.headers.get("traceparent").map(|value| value.as_str()), Some(kept.as_str()));

    assert_eq!(mails_in(&house.home.path().join("mail")).len(), 1);
    let token = server.token("alice", Role::Customer);
    end(server).await;
    let sent = collector.bytes();
    for secret in ["Karla", "karla", "canary", "alice", "TEAPOT", "ord_", &token] {
        let found = sent.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret} was sent");
    }
}

/// Catches: a trace that only the process knows in which it began.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_outlives_the_process_that_it_began_in() {
    let (house, collector) = (House::new().await, Collector::start().await);
    let mut first = house.server("a").with("roles", "api").with_variables(collector.variables(CALLERS));
    first.start();
    house.sell(&first, 10).await;
    let kept = kept(&house, place(&house.alice(&first), &traceparent("01")).await).await;
    let spans = collector.trace(TRACE, &DEEDS).await;
    assert!(!spans.iter().any(|span| span.name == MAIL));
    first.kill();

    let mut second = house.server("b").with_variables(collector.variables(CALLERS));
    second.start();
    let spans = collector.trace(TRACE, &[MAIL, "apply orders", "apply reactor"]).await;
    let request = named(&spans, WAY[0]);
    assert_eq!(kept, format!("00-{TRACE}-{}-01", request.id));
    let mail = named(&spans, MAIL);
    assert_eq!(mail.parent, request.id);
    let instance = |span: &Span| span.resource["service.instance.id"].clone();
    assert_eq!(instance(named(&spans, "append")), instance(request));
    assert_ne!(instance(mail), instance(request));
}

/// Catches: a decision that only one process knows, and a caller's that is passed on although it wasn't followed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_recorded_nowhere() {
    let (house, collector) = (House::new().await, Collector::start().await);
    for (sampler, flags) in [("always_off", "01"), ("parentbased_traceidratio", "00")] {
        let ratio = [("OTEL_TRACES_SAMPLER_ARG", "0".to_owned())];
        let mut server =
            house.server(sampler).with_variables(collector.variables(sampler)).with_variables(ratio);
        server.start();
        if flags == "01" {
            house.sell(&server, 10).await;
        }
        let alice = house.alice(&server);
        assert_eq!(kept(&house, place(&alice, &traceparent(flags)).await).await, traceparent("00"));
        house.caught_up().await;
        // It sends what it has.
        end(server).await;
    }
    assert!(collector.spans().is_empty(), "{:#?}", collector.spans());
    let mut server = house.server("nothing");
    server.start();
    let kept = kept(&house, place(&house.alice(&server), "none").await).await;
    assert!(kept.ends_with("-00"), "{kept}");
}

/// Catches: a process that waits for a collector, and one that complains of it again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_up_nothing() {
    let house = House::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = house.server("a").with_variables([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", silent.local_addr().unwrap())),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "16".to_owned()),
    ]);
    server.start();
    house.sell(&server, 1_000).await;
    let (alice, telemetry) = (house.alice(&server), house.client.at(format!("http://{}", server.telemetry)));
    until("the queue is full, two exports have failed, and requests are left out", async || {
        alice.post("/v1/orders", teapots(1)).await.expect(201);
        let metrics = telemetry.get("/metrics").await.expect(200).text();
        let count = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{metrics}")).parse::<u64>().unwrap()
        };
        let dropped = |reason: &str| count(&format!("daybook_spans_dropped_total{{reason=\"{reason}\"}}"));
        dropped("queue_full") > 0
            && dropped("not_exported") > 16
            && count("daybook_traces_left_out_total") > 0
    })
    .await;
    house.caught_up().await;
    assert_eq!(server.log().matches("the collector takes no spans").count(), 1, "{}", server.log());
    end(server).await;
}

/// Catches: an interface whose requests are in no trace.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_graphql_and_grpc_are_in_their_traces() {
    let (house, collector) = (House::new().await, Collector::start().await);
    let door = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut server = house
        .server("a")
        .with("door.listen", door)
        .with("door.plaintext", true)
        .with_variables(collector.variables(CALLERS));
    server.start();
    house.sell(&server, 10).await;
    let admin = house.by(&server, "admin", Role::Admin);
    let publish =
        "mutation { productUnpublish(input: { sku: \"TEAPOT\" }) { version userErrors { message } } }";
    let asked = admin.request(Method::POST, "/graphql").json(&json!({ "query": publish }));
    let answer: Value = admin.send(asked.header("traceparent", traceparent("01"))).await.expect(200).json();
    assert_eq!(answer["data"]["productUnpublish"]["userErrors"], json!([]), "{answer}");
    let spans = collector.trace(TRACE, &["POST /graphql", "append", "apply products"]).await;
    assert_eq!(named(&spans, "append").parent, named(&spans, "POST /graphql").id);

    let trace = TRACE.replace('4', "5");
    let alice = Grpc::at(door, Some(server.token("alice", Role::Customer)));
    let mut call = Request::new(order("k", "TEAPOT", 1));
    call.metadata_mut().insert("traceparent", format!("00-{trace}-{CALLER}-01").parse().unwrap());
    assert!(alice.orders().place_order(call).await.is_err(), "it isn't for sale");
    let method = "daybook.v1.OrderService/PlaceOrder";
    let spans = collector.trace(&trace, &[method, "append"]).await;
    let call = named(&spans, method);
    let said = ["rpc.system.name", "rpc.method", "rpc.response.status_code"].map(|name| call.says(name));
    assert_eq!(said, ["grpc", method, "FAILED_PRECONDITION"]);
    assert_eq!((call.kind, call.failed, call.parent.as_str()), (SpanKind::Server, false, CALLER));
    assert_eq!(named(&spans, "append").parent, call.id);
}

/// Catches: a dead letter that can't be followed to its request.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_its_trace() {
    let (house, collector) = (House::new().await, Collector::start().await);
    let mut server = house
        .server("a")
        .with("mail.smtp_url", format!("smtp://127.0.0.1:{}", free_port()))
        .with("effects.attempts", 1)
        .with_variables(collector.variables(CALLERS));
    server.start();
    house.sell(&server, 10).await;
    place(&house.alice(&server), &traceparent("01")).await.expect(201);
    let spans = collector.trace(TRACE, &[MAIL]).await;
    assert!(named(&spans, MAIL).failed && named(&spans, MAIL).says("error.type") == "dead");
    house.caught_up().await;
    let letters = house.operator(&server).get("/admin/dead-letters").await.expect(200).json();
    assert_eq!(
        (letters[0]["trace_id"].as_str(), letters.as_array().unwrap().len()),
        (Some(TRACE), 1),
        "{letters}"
    );
    let log = server.log();
    let line = log.lines().find(|line| line.contains("an effect is a dead letter"));
    assert!(line.is_some_and(|line| line.contains(TRACE)), "{log}");
}

/// Catches: a variable that is misspelt and means everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_that_there_is_not_is_told_at_the_start() {
    let (house, collector) = (House::new().await, Collector::start().await);
    let server = house.server("a").with_variables(collector.variables("sometimes"));
    let ended = server.command(&["serve"]).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && told.contains("OTEL_TRACES_SAMPLER"), "{told}");
}
