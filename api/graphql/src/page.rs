//! The page that is there in development: it shows the schema and runs a query. It has all in it that it needs.

use actix_web::{HttpResponse, http::header};
use base64::{Engine, engine::general_purpose::STANDARD};
use daybook_http::{answer::NO_STORE, html::escape};
use sha2::{Digest, Sha256};

pub const HTML: &str = "text/html";

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
const BODY: &str = include_str!("page/page.html");

/// The page, with the schema in its language.
pub fn of(schema: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>GraphQL</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body>{BODY}{}</pre></details><script>{SCRIPT}</script></body></html>",
        escape(schema)
    )
}

pub fn show(page: &str) -> HttpResponse {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header(NO_STORE)
        .body(page.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a script or a style in the page that the page's own policy forbids.
    #[test]
    fn what_is_in_the_page_is_what_its_policy_allows() {
        let page = of("type Query { tea: String }");
        let response = show(&page);
        let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).expect("a policy");
        let policy = policy.to_str().expect("ASCII");
        for tag in ["style", "script"] {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            let inside = page.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
            let (inside, rest) = inside.expect("it is there");
            assert!(
                policy.contains(&format!("{tag}-src 'sha256-{}'", STANDARD.encode(Sha256::digest(inside))))
            );
            assert!(!rest.contains(&open), "there is one {tag}");
        }
        assert!(page.contains("type Query { tea: String }"));
    }
}
