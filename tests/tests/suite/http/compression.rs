//! Compressed answers.

use std::io::Read as _;

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde_json::json;

const ENCODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// Whole answers, as they came.
async fn ask(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = headers
        .iter()
        .fold(client.request(method, path), |request, (name, value)| request.header(*name, *value));
    client.send(request).await
}

async fn get(client: &Client, path: &str, encoding: &str) -> Reply {
    ask(client, Method::GET, path, &[("accept-encoding", encoding)]).await
}

fn decoded(reply: &Reply) -> Vec<u8> {
    let mut body = Vec::new();
    match reply.header("content-encoding").expect("it is compressed") {
        "gzip" => flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut body),
        "br" => brotli::Decompressor::new(&*reply.body, 4096).read_to_end(&mut body),
        "zstd" => zstd::Decoder::new(&*reply.body).and_then(|mut decoder| decoder.read_to_end(&mut body)),
        other => panic!("an encoding that nobody asked for: {other}"),
    }
    .expect("it can be decoded");
    body
}

/// A shop whose list of products, and one product, are larger than what is sent as it is.
async fn large_shop() -> TestApp {
    let app = TestApp::start().await;
    for number in 0..10 {
        app.sell(&format!("TEA-{number}"), 1999, 1).await;
    }
    let text = json!({ "description": "A tea for every day. ".repeat(90) });
    app.by(Role::Merchandiser).patch("/v1/products/TEA-0", text).await.expect(200);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn what_everyone_may_see_is_compressed_as_the_client_likes_it() {
    let app = large_shop().await;
    for path in [
        "/openapi.json",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/problems/not_found",
        "/v1/permissions",
        "/v1/products",
        "/v1/products/TEA-0",
    ] {
        let plain = app.anonymous.get(path).await.expect(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        for encoding in ENCODINGS {
            let reply = get(&app.anonymous, path, encoding).await.expect(200);
            assert_eq!(reply.header("content-encoding"), Some(encoding), "{path}");
            assert!(reply.body.len() < plain.body.len());
            assert_eq!(decoded(&reply), plain.body, "{path} {encoding}");
            assert!(reply.header("vary").is_some_and(|vary| vary.contains("accept-encoding")), "{path}");
            assert_eq!(reply.header("content-length"), Some(&*reply.body.len().to_string()));
            let head = ask(&app.anonymous, Method::HEAD, path, &[("accept-encoding", encoding)]).await;
            for header in ["content-encoding", "content-length", "etag", "vary"] {
                assert_eq!(head.header(header), reply.header(header), "{path} {header}");
            }
        }
        // A cache must know that without the header, too.
        assert!(plain.header("vary").is_some_and(|vary| vary.contains("accept-encoding")), "{path}");
    }
    for (liked, told) in [
        ("gzip;q=0.5, br", Some("br")),
        ("deflate, gzip", Some("gzip")),
        ("zstd;q=0, gzip;q=0, *;q=0.1", None),
        ("identity", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("", None),
        ("gzip;q=x", None),
    ] {
        let reply = get(&app.anonymous, "/openapi.json", liked).await.expect(200);
        assert_eq!(reply.header("content-encoding"), told, "{liked:?}");
    }
}

/// The length of what is compressed tells something of what is in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_everyone_or_small_is_sent_as_it_is() {
    let app = large_shop().await;
    let merchandiser = app.by(Role::Merchandiser);
    assert!(merchandiser.get("/v1/products").await.expect(200).body.len() > 1024);
    let events = app.by(Role::Analyst);
    for (client, path, status) in [
        (&merchandiser, "/v1/products", 200),
        (&events, "/v1/events", 200),
        (&app.anonymous, "/v1/products/TEA-1", 200),
        (&app.anonymous, "/v1/products/TEA-77", 404),
        (&app.anonymous, "/healthz", 200),
    ] {
        let reply = get(client, path, "gzip").await.expect(status);
        assert_eq!(reply.header("content-encoding"), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_an_answer_has_its_own_etag_that_is_taken_where_etags_are() {
    let app = large_shop().await;
    for path in ["/v1/products", "/v1/products/TEA-0", "/openapi.json", "/docs/swagger-ui.css"] {
        let plain = app.anonymous.get(path).await.expect(200);
        let mut tags = vec![plain.header("etag").expect("an ETag").to_owned()];
        for encoding in ENCODINGS {
            let reply = get(&app.anonymous, path, encoding).await.expect(200);
            tags.push(reply.header("etag").expect("an ETag").to_owned());
        }
        assert!((1..4).all(|one| !tags[..one].contains(&tags[one])), "{tags:?}");
        for tag in &tags {
            let headers = [("accept-encoding", "br"), ("if-none-match", tag)];
            let again = ask(&app.anonymous, Method::GET, path, &headers).await.expect(304);
            assert_eq!(again.header("etag"), Some(&**tag), "{path}");
        }
    }
    let reply = get(&app.anonymous, "/v1/products/TEA-0", "gzip").await;
    let tag = reply.header("etag").expect("an ETag");
    let merchandiser = app.by(Role::Merchandiser);
    let rename = merchandiser.request(Method::PATCH, "/v1/products/TEA-0").header("if-match", tag);
    merchandiser.send(rename.json(&json!({ "name": "B" }))).await.expect(200);
    let rename = merchandiser.request(Method::PATCH, "/v1/products/TEA-0").header("if-match", tag);
    let late = merchandiser.send(rename.json(&json!({ "name": "C" }))).await;
    assert_eq!(late.refusal(), "412 stale_version");
}
