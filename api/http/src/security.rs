//! The headers that every answer has, whatever it says and whichever part of this server gives it.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::context::X_REQUEST_ID;

/// The policy for an answer that is not a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
const NOSNIFF: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
const NO_REFERRER: (HeaderName, HeaderValue) =
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

pub fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    headers.insert(NOSNIFF.0, NOSNIFF.1);
    headers.insert(NO_REFERRER.0, NO_REFERRER.1);
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
}
