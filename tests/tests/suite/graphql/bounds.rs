//! What a request may be, and what an interface does with one that is more.

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp, metrics::of_labels};
use serde_json::json;

use super::{ask, data, fails};
use crate::http::orders::{order, place};

/// Why a request is not executed at all.
async fn refusal(client: &Client, query: &str) -> String {
    let answer = ask(client, query).await.expect(200).json();
    assert!(answer.get("data").is_none(), "{answer}");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.len() <= 250, "{message}");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "malformed_request");
    message.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_too_much_is_refused_before_anything_is_asked() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    let admin = app.by(Role::Admin);
    let aliases: String = (0..1_000).map(|number| format!("a{number}: __typename ")).collect();
    let orders: String = (0..21).map(|number| format!("a{number}: order(id: \"x\") {{ id }} ")).collect();
    let mutations: String = (0..11)
        .map(|number| format!("a{number}: productPublish(input: {{ sku: \"TEA-1\" }}) {{ version }} "))
        .collect();
    let nested = |levels: usize| {
        let inner = "product { stock { ".repeat(levels / 2);
        format!("{{ product(sku: \"TEA-1\") {{ stock {{ {inner} sku {} }} }} }}", "} ".repeat(levels / 2 * 2))
    };
    let doubling: String = (0..40)
        .map(|number| format!("fragment F{number} on Query {{ ...F{} ...F{} }} ", number + 1, number + 1))
        .collect();
    let chain: String =
        (0..2_000).map(|number| format!("fragment F{number} on Query{{...F{}}}", number + 1)).collect();
    let wide = "orders(first: 100) { nodes { lines { product { name } stock { held } sku name quantity total { amount } } \
                contact { email } shipTo { city } tracking metadata id status } }";
    let brackets = |open: &str, close: &str| {
        format!("{{ product(sku: {}1{}) {{ sku }} }}", open.repeat(9_000), close.repeat(9_000))
    };
    for (query, message) in [
        (format!("{{ {aliases} }}"), "an operation has at most 500 fields, fragments included"),
        (format!("{{ {orders} }}"), "an operation has at most 20 fields of the root"),
        (format!("mutation {{ {mutations} }}"), "an operation has at most 10 fields of the root"),
        (nested(12), "fields are at most 12 deep in one another"),
        (nested(1_000), "the document has more than 64 brackets in one another"),
        ("{a".repeat(20_000), "the document has more than 64 brackets in one another"),
        (brackets("[", "]"), "the document has more than 64 brackets in one another"),
        (
            "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }".to_owned(),
            "fragments go round in a circle",
        ),
        (
            format!("{{...F0}}{chain}fragment F2000 on Query{{__typename}}"),
            "fields and fragments are at most 64 deep in one another",
        ),
        (
            format!("{{ ...F0 }} {doubling} fragment F40 on Query {{ __typename }}"),
            "an operation has at most 500 fields, fragments included",
        ),
        (
            format!("{{ a: {wide} b: {wide} c: {wide} d: {wide} e: {wide} f: {wide} }}"),
            "the query is too large: it costs 32412, and at most 20000 are allowed",
        ),
        (
            "{ products(first: 2000000000) { nodes { sku } } }".to_owned(),
            "the query is too large: it costs 2000000002, and at most 20000 are allowed",
        ),
        (
            format!("{{ product(sku: \"TEA-1\") {{ sku {} }} }}", "@skip(if: false) ".repeat(11)),
            "The number of directives on the field `sku` cannot be greater than `10`",
        ),
        (
            "query { product(sku: \"".to_owned() + &"x".repeat(5_000),
            "the document is not one of GraphQL: its syntax is wrong here",
        ),
        (format!("{{ {} }}", "n".repeat(5_000)), ""),
        ("{ produkt(sku: \"TEA-1\") { sku } }".to_owned(), "Unknown field \"produkt\" on type \"Query\"."),
    ] {
        let found = refusal(&admin, &query).await;
        assert!(found == message || message.is_empty(), "{found} for {}", &query[..query.len().min(100)]);
    }
    // What is as deep, and as wide, as it may be.
    data(ask(&admin, &nested(9)).await);
    let found = data(ask(&admin, &format!("{{ {wide} }}")).await);
    assert_eq!(found["orders"]["nodes"], json!([]));
    let quoted = "{ product(sku: \"}}[[\\\"{{{{\") { sku } } # {{{{{{{{ \"\n";
    assert_eq!(fails(ask(&admin, quoted).await), ["not_found product"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_bound_of_its_own_and_is_one_request() {
    let app = TestApp::start().await;
    let anyone = &app.anonymous;
    let large = format!("{{ __typename }} # {}", "x".repeat(65_536));
    assert_eq!(ask(anyone, &large).await.refusal(), "413 payload_too_large");
    data(ask(anyone, &format!("{{ __typename }} # {}", "x".repeat(60_000))).await);
    let batch = json!([{ "query": "{ __typename }" }, { "query": "{ __typename }" }]);
    let reply = anyone.send(anyone.request(reqwest::Method::POST, "/graphql").json(&batch)).await.expect(400);
    assert_eq!(reply.json()["errors"][0]["message"], "one request is taken at a time, and no list of them");
}

/// Catches: mutations that are one request for the limit of requests, however many they are.
#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_the_root_counts_as_a_request() {
    let app = TestApp::start_with(|config| {
        (config.rates.subject_per_second, config.rates.subject_burst) = (1, 10);
    })
    .await;
    let token = app.token("counted", &[Role::Admin]);
    let caller = app.anonymous.with_token(token);
    let fields = |count: usize| -> String {
        let field = |number| format!("a{number}: productArchive(input: {{ sku: \"NONE\" }}) {{ version }} ");
        format!("mutation {{ {} }}", (0..count).map(field).collect::<String>())
    };
    // As many as one may have at a time: it takes ten seconds until there are so many again.
    let reply = ask(&caller, &fields(10)).await;
    assert_eq!(fails(reply).len(), 10);
    let reply = ask(&caller, &fields(10)).await;
    assert_eq!(reply.refusal(), "429 rate_limited");
    assert!(reply.header("retry-after").is_some() && reply.header("ratelimit").is_some());
    // Others still have theirs.
    data(ask(&app.by(Role::Admin), "{ __typename }").await);
}

/// Catches: a read for each row.
#[tokio::test(flavor = "multi_thread")]
async fn what_rows_name_is_looked_up_for_all_of_them_together() {
    let app = TestApp::start().await;
    for number in 0..10 {
        app.sell(&format!("TEA-{number}"), 499, 100).await;
    }
    for number in 0..10 {
        let skus = [format!("TEA-{number}"), format!("TEA-{}", (number + 1) % 10)];
        place(&app.customer("alice"), order(&skus.each_ref().map(|sku| (sku.as_str(), 1)))).await;
    }
    app.settle().await;
    let query = "{ orders(first: 30) { nodes { lines { product { sku stock { held product { name } } } stock { sku } } } } \
                 products { nodes { stock { sku } } } }";
    let found = data(ask(&app.by(Role::Support), query).await);
    let orders = found["orders"]["nodes"].as_array().unwrap();
    assert_eq!((orders.len(), found["products"]["nodes"].as_array().unwrap().len()), (10, 10));
    for line in orders.iter().flat_map(|order| order["lines"].as_array().unwrap()) {
        let (product, stock) = (&line["product"], &line["stock"]);
        assert!(product["sku"].is_string() && product["sku"] == stock["sku"], "{line}");
        assert_eq!(product["stock"]["held"], 2);
        assert!(product["stock"]["product"]["name"].is_string(), "{line}");
    }
    for kind in ["product", "stock"] {
        assert_eq!(of_labels("daybook_graphql_look_ups_total", &[("kind", kind)]), 1.0, "{kind}");
    }
    assert_eq!(of_labels("daybook_graphql_fields_total", &[("field", "orders"), ("code", "answered")]), 1.0);
}

/// Catches: an answer that is as large as a small question can make it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_a_bound_whatever_was_expected_of_it() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 10_000).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&vec![("TEA-1", 1); 2_000])).await;
    app.settle().await;
    let lines = |times: usize| -> String {
        let lines = |number| {
            format!("l{number}: lines {{ sku name quantity shipped cancelled total {{ amount }} }} ")
        };
        format!("{{ order(id: \"{id}\") {{ {} }} }}", (0..times).map(lines).collect::<String>())
    };
    let all = data(ask(&alice, &lines(2)).await);
    assert_eq!(all["order"]["l1"].as_array().unwrap().len(), 2_000);
    let reply = ask(&alice, &lines(50)).await;
    assert!(reply.body.len() < 1_000, "{}", reply.body.len());
    let answer = reply.json();
    assert_eq!(
        (&answer["data"], &answer["errors"][0]["message"]),
        (&serde_json::Value::Null, &json!("the answer would be too large"))
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
}
