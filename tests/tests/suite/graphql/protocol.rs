//! How GraphQL is carried by HTTP.

use daybook_core::entropy::Clock;
use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{ask, data};
use crate::http::starts::production;

const GRAPHQL: &str = "application/graphql-response+json";

/// SHA-256 of `{ __typename }`.
const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

async fn post(client: &Client, accept: &str, body: &Value) -> Reply {
    client.send(client.request(Method::POST, "/graphql").header("accept", accept).json(body)).await
}

async fn get(client: &Client, query: &[(&str, &str)]) -> Reply {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    client.send(client.request(Method::GET, &format!("/graphql?{query}"))).await
}

fn message(reply: &Reply) -> String {
    reply.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_in_the_form_that_is_accepted() {
    let app = TestApp::start().await;
    let anyone = &app.anonymous;
    let (good, bad, broken) =
        (json!({ "query": "{ __typename }" }), json!({ "query": "{ nothing }" }), json!({ "query": 1 }));
    for (accept, form, refused) in [
        ("*/*", "application/json", 200),
        ("application/json", "application/json", 200),
        (GRAPHQL, GRAPHQL, 400),
        (
            "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8;q=0.9",
            GRAPHQL,
            400,
        ),
    ] {
        let reply = post(anyone, accept, &good).await.expect(200);
        assert_eq!(reply.header("content-type"), Some(format!("{form}; charset=utf-8").as_str()));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(data(reply), json!({ "__typename": "Query" }));
        let reply = post(anyone, accept, &bad).await.expect(refused);
        assert!(reply.json().get("data").is_none(), "{}", reply.text());
        post(anyone, accept, &broken).await.expect(400);
    }
    assert_eq!(post(anyone, "text/plain", &good).await.refusal(), "406 not_acceptable");
    let plain =
        anyone.request(Method::POST, "/graphql").header("content-type", "text/plain").body("{ __typename }");
    assert_eq!(anyone.send(plain).await.refusal(), "415 unsupported_media_type");
    let typo = anyone.request(Method::POST, "/graphql").header("content-type", "application/json").body("{");
    anyone.send(typo).await.expect(400);
    anyone.send(anyone.request(Method::POST, "/graphql")).await.expect(400);
    assert_eq!(anyone.put("/graphql", good).await.refusal(), "405 method_not_allowed");
    assert_eq!(ask(&anyone.with_token("x.y.z"), "{ __typename }").await.refusal(), "401 unauthenticated");
    let stray = anyone.send(anyone.request(Method::GET, "/graphql?query=x&access_token=x")).await;
    assert_eq!(stray.refusal(), "401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_got_and_mutations_are_not() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    app.settle().await;
    let admin = app.by(Role::Admin);
    let query = "query A($s: String!) { product(sku: $s) { sku } } query B { __typename }";
    let reply =
        get(&admin, &[("query", query), ("variables", "{\"s\":\"TEA-1\"}"), ("operationName", "A")]).await;
    assert_eq!(data(reply), json!({ "product": { "sku": "TEA-1" } }));
    let mutation = "mutation { productArchive(input: { sku: \"TEA-1\" }) { version } }";
    let refused = get(&admin, &[("query", mutation)]).await;
    assert_eq!(refused.refusal(), "405 method_not_allowed");
    assert_eq!(refused.header("allow"), Some("POST"));
    let both = format!(
        "{mutation_named} query Q {{ __typename }}",
        mutation_named = mutation.replace("mutation", "mutation M")
    );
    data(get(&admin, &[("query", &both), ("operationName", "Q")]).await);
    assert_eq!(get(&admin, &[("query", &both), ("operationName", "M")]).await.status, 405);
    for (bad, message_of_it) in [
        (vec![], "query is missing"),
        (vec![("query", "{ __typename }"), ("variables", "[]")], "variables is an object in JSON"),
        (vec![("query", "{ __typename }"), ("variables", "{")], "variables is an object in JSON"),
    ] {
        assert_eq!(message(&get(&admin, &bad).await.expect(400)), message_of_it);
    }
    let twice = get(&admin, &[("query", "{ __typename }"), ("query", "{ __typename }")]).await;
    assert_eq!(twice.refusal(), "400 malformed_request");
    let unknown = get(&admin, &[("query", "{ __typename }"), ("limit", "1")]).await;
    assert_eq!(unknown.refusal(), "400 unknown_parameter");
    let product = data(ask(&admin, "{ product(sku: \"TEA-1\") { status } }").await);
    assert_eq!(product["product"]["status"], "PUBLISHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_known_by_its_hash_once_it_was_sent() {
    let app = TestApp::start().await;
    let anyone = &app.anonymous;
    let persisted = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = json!({ "extensions": persisted(HASH) });
    let unknown = post(anyone, "*/*", &by_hash).await.expect(200);
    assert_eq!(message(&unknown), "PersistedQueryNotFound");
    assert_eq!(unknown.json()["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
    let register = json!({ "query": "{ __typename }", "extensions": persisted(HASH) });
    data(post(anyone, "*/*", &register).await);
    data(post(anyone, "*/*", &by_hash).await);
    data(get(anyone, &[("extensions", &persisted(&HASH.to_uppercase()).to_string())]).await);
    // What is not a document is not kept.
    let nothing = json!({ "query": "{ nothing }" });
    post(anyone, "*/*", &nothing).await;
    for (bad, message_of_it) in [
        (
            json!({ "query": "{ a: __typename }", "extensions": persisted(HASH) }),
            "the query is not the one that has the sha256Hash",
        ),
        (
            json!({ "extensions": persisted("abc") }),
            "extensions.persistedQuery has version 1, and a sha256Hash of 64 hexadecimal digits",
        ),
        (
            json!({ "extensions": persisted(&"ä".repeat(32)) }),
            "extensions.persistedQuery has version 1, and a sha256Hash of 64 hexadecimal digits",
        ),
        (
            json!({ "extensions": { "persistedQuery": { "sha256Hash": HASH } } }),
            "extensions.persistedQuery has version 1, and a sha256Hash of 64 hexadecimal digits",
        ),
    ] {
        assert_eq!(message(&post(anyone, "*/*", &bad).await.expect(400)), message_of_it, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_asked_for_in_development() {
    let app = TestApp::start().await;
    let anyone = &app.anonymous;
    let query = "query Q($name: String!) { __schema { queryType { name } types { name } } __type(name: $name) { kind enumValues { name } } }";
    let body = json!({ "query": query, "variables": { "name": "OrderStatus" }, "operationName": "Q" });
    let found = data(post(anyone, GRAPHQL, &body).await);
    assert_eq!(found["__schema"]["queryType"]["name"], "Query");
    assert!(found["__type"]["enumValues"].as_array().unwrap().contains(&json!({ "name": "PARTLY_SHIPPED" })));
    let mixed =
        ask(anyone, "{ __schema { queryType { name } } products { nodes { sku } } }").await.expect(200);
    assert_eq!(message(&mixed), "the schema is asked for alone");
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test(flavor = "multi_thread")]
async fn people_are_shown_a_page_that_needs_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page =
        app.anonymous.send(app.anonymous.request(Method::GET, "/graphql").header("accept", BROWSER)).await;
    let page = page.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let text = page.text();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("src="), "{text}");
    assert!(text.contains("orderPlace(input: OrderPlaceInput!): OrderPlacePayload"));
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_development_there_is_no_page_and_the_schema_is_not_told() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    app.settle().await;
    let running = daybook::start(&production(&app), Clock::System).await.expect("it starts");
    let anyone = app.anonymous.at(format!("http://{}", running.api.expect("it serves the API")));
    data(ask(&anyone, "{ product(sku: \"TEA-1\") { sku } }").await);
    for question in ["{ __schema { queryType { name } } }", "{ __type(name: \"Order\") { name } }"] {
        let answer = ask(&anyone, question).await.expect(200).json();
        assert!(answer.get("data").is_none(), "{answer}");
    }
    let reply =
        anyone.send(anyone.request(Method::GET, "/graphql").header("accept", BROWSER)).await.expect(400);
    assert_eq!(message(&reply), "query is missing");
    running.stop().await;
}
