//! The page that shows the OpenAPI document: it has all that it needs from the listener that it came from.

use daybook_tests::TestApp;
use reqwest::Method;

/// What a browser is told that it may load for the page.
const POLICY: [&str; 8] = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
];

/// Values of the attributes that make a browser load something.
fn loaded(page: &str) -> Vec<&str> {
    let values = ["src=\"", "href=\""].into_iter().flat_map(|attribute| page.split(attribute).skip(1));
    values.map(|rest| rest.split('"').next().expect("a value")).collect()
}

/// Catches: a file that the page names and that is not served, one from elsewhere, and a script that its policy forbids.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_page_needs_comes_from_its_own_listener() {
    let app = TestApp::start().await;
    for client in [&app.anonymous, app.admin()] {
        let page = client.get("/docs").await.expect(200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert_eq!(page.header("content-security-policy"), Some(&*POLICY.join("; ")));
        let text = page.text();
        assert!(!text.contains("<style") && !text.contains("style=\"") && !text.contains("<script>"));
        let mut files = Vec::new();
        for address in loaded(&text) {
            assert!(
                address == "data:," || address.starts_with('/') && !address.starts_with("//"),
                "{address}"
            );
            if address != "data:," {
                client.get(address).await.expect(200);
                files.extend(address.strip_prefix("/docs/"));
            }
        }
        files.sort_unstable();
        assert_eq!(files, ["initializer.js", "swagger-ui-bundle.js", "swagger-ui.css"]);
        for (file, media_type, part) in [
            ("swagger-ui.css", "text/css; charset=utf-8", ".swagger-ui"),
            ("swagger-ui-bundle.js", "text/javascript; charset=utf-8", "SwaggerUIBundle"),
            ("initializer.js", "text/javascript; charset=utf-8", "\"/openapi.json\""),
        ] {
            let reply = client.get(&format!("/docs/{file}")).await.expect(200);
            assert_eq!(reply.header("content-type"), Some(media_type));
            assert!(reply.text().contains(part), "{file}");
        }
        let style = client.get("/docs/swagger-ui.css").await.text();
        let inside =
            style.split("url(").skip(1).all(|rest| rest.trim_start_matches('"').starts_with("data:"));
        assert!(inside && !style.contains("@import"), "the style sheet loads nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_asks_for_a_file_of_the_page_once() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/initializer.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"] {
        let first = app.anonymous.get(path).await.expect(200);
        assert_eq!(first.header("cache-control"), Some("public, max-age=10"), "{path}");
        let tag = first.header("etag").expect("a tag");
        let again = app.anonymous.request(Method::GET, path).header("if-none-match", tag);
        let again = app.anonymous.send(again).await.expect(304);
        assert_eq!((again.header("etag"), again.body.len()), (Some(tag), 0), "{path}");
        assert_eq!(again.header("content-security-policy"), first.header("content-security-policy"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_does_not_need_is_not_there() {
    let app = TestApp::start().await;
    for client in [&app.anonymous, app.admin()] {
        for name in
            ["index.html", "swagger-ui.js", "oauth2-redirect.html", "Style", "%2e%2e", "..%2fopenapi.json"]
        {
            assert_eq!(client.get(&format!("/docs/{name}")).await.refusal(), "404 not_found", "{name}");
        }
        assert_eq!(client.get("/docs/").await.refusal(), "404 not_found");
        assert_eq!(client.get("/docs/a/b").await.refusal(), "404 not_found");
    }
    for (accept, path) in [("text/css,*/*;q=0.1", "swagger-ui.css"), ("*/*", "initializer.js")] {
        let request = app.anonymous.request(Method::GET, &format!("/docs/{path}")).header("accept", accept);
        app.anonymous.send(request).await.expect(200);
    }
}
