//! Problem details (RFC 9457): the one form in which anything is refused or fails.

mod catalogue;
mod page;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;

use super::caching::NO_STORE;
use crate::auth::Refused;

pub use catalogue::{CATALOGUE, Entry, entry};
pub use page::page;

pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not answered as asked.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The rest of the request is not worth waiting for.
    closes: bool,
}

/// What is wrong with one part of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901).
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// As it is sent.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: Cow<'static, str>,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), errors: vec![], headers: vec![], closes: false }
    }

    /// One of the catalogue, with its usual explanation.
    fn usual(code: &'static str) -> Self {
        let entry = entry(code).expect("codes that are used here stand in the catalogue");
        Self::new(entry.status(), code, entry.explanation)
    }

    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    pub fn unknown_parameter(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail)
    }

    pub fn idempotency_key_required() -> Self {
        Self::usual("idempotency_key_required")
    }

    pub fn unauthenticated() -> Self {
        Self::usual("unauthenticated").with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// The caller learns that the token is bad, not why.
    pub fn invalid_token() -> Self {
        Self::usual("unauthenticated").with(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)
    }

    pub fn forbidden(permission: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", format!("this needs the permission {permission}"))
    }

    pub fn not_found() -> Self {
        Self::usual("not_found")
    }

    pub fn method_not_allowed(allow: &str) -> Self {
        Self::usual("method_not_allowed").with(header::ALLOW, allow)
    }

    pub fn not_acceptable() -> Self {
        Self::usual("not_acceptable")
    }

    pub fn request_timeout() -> Self {
        Self { closes: true, ..Self::usual("request_timeout") }
    }

    pub fn payload_too_large(max_bytes: usize) -> Self {
        let detail = format!("a body has at most {max_bytes} bytes");
        Self { closes: true, ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail) }
    }

    pub fn unsupported_media_type() -> Self {
        Self::usual("unsupported_media_type").with(HeaderName::from_static("accept"), "application/json")
    }

    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub fn stale_version(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "stale_version", detail)
    }

    /// A body that can be read but says something that it may not.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::usual("validation_failed") }
    }

    pub fn rate_limited(retry_after_s: u64) -> Self {
        Self::usual("rate_limited").retry_after(retry_after_s)
    }

    pub fn overloaded() -> Self {
        Self::usual("overloaded").retry_after(1)
    }

    pub fn unavailable() -> Self {
        Self::usual("unavailable").retry_after(1)
    }

    pub fn outcome_unknown() -> Self {
        Self::usual("outcome_unknown").retry_after(1)
    }

    pub fn read_model_behind() -> Self {
        Self::usual("read_model_behind").retry_after(1)
    }

    pub fn deadline_exceeded() -> Self {
        Self::usual("deadline_exceeded")
    }

    pub fn internal() -> Self {
        Self::usual("internal")
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    #[must_use]
    pub fn at(mut self, pointer: String) -> Self {
        let detail = self.detail.clone().into_owned();
        self.errors.push(FieldError { pointer, code: self.code, detail });
        self
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with(header::RETRY_AFTER, seconds)
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What a foreign error comes to: ours as it is, the framework's by its status.
    pub fn of(error: &actix_web::Error) -> Cow<'_, Self> {
        if let Some(problem) = error.as_error::<Self>() {
            return Cow::Borrowed(problem);
        }
        Cow::Owned(match error.as_response_error().status_code() {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::usual("method_not_allowed"),
            StatusCode::REQUEST_TIMEOUT => Self::request_timeout(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::usual("payload_too_large"),
            status if status.is_client_error() => Self::usual("malformed_request"),
            _ => Self::internal(),
        })
    }

    /// The answer to the request `request_id` for `instance`.
    pub fn render(&self, instance: &str, request_id: &str) -> HttpResponse {
        let title = match entry(self.code) {
            Some(entry) => Cow::Borrowed(entry.title),
            None => Cow::Owned(catalogue::title_of(self.code)),
        };
        let document = Document {
            r#type: format!("/problems/{}", self.code),
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            request_id,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).expect("text and numbers serialize");
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE)).insert_header(NO_STORE);
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        if self.closes {
            response.force_close();
        }
        response.body(body)
    }
}

impl From<Refused> for Problem {
    fn from(_: Refused) -> Self {
        Self::invalid_token()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// Only the status: `observe`, which knows the request, renders the rest.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_catalogue_has_one_entry_and_a_status() {
        for entry in CATALOGUE {
            assert_eq!(
                CATALOGUE.iter().filter(|other| other.code == entry.code).count(),
                1,
                "{}",
                entry.code
            );
            assert!(entry.status().is_client_error() || entry.status().is_server_error(), "{}", entry.code);
        }
    }

    #[test]
    fn every_kind_of_problem_stands_in_the_catalogue() {
        for problem in [
            Problem::malformed(""),
            Problem::unknown_parameter(""),
            Problem::idempotency_key_required(),
            Problem::unauthenticated(),
            Problem::invalid_token(),
            Problem::forbidden(""),
            Problem::not_found(),
            Problem::method_not_allowed("GET"),
            Problem::not_acceptable(),
            Problem::request_timeout(),
            Problem::payload_too_large(1),
            Problem::unsupported_media_type(),
            Problem::conflict("already_running", ""),
            Problem::stale_version(""),
            Problem::invalid(vec![]),
            Problem::rate_limited(1),
            Problem::overloaded(),
            Problem::unavailable(),
            Problem::outcome_unknown(),
            Problem::read_model_behind(),
            Problem::deadline_exceeded(),
            Problem::internal(),
        ] {
            let entry = entry(problem.code).expect("in the catalogue");
            assert_eq!(entry.status(), problem.status, "{}", problem.code);
        }
    }

    #[test]
    fn a_validation_problem_names_the_field() {
        let error = FieldError { pointer: "/lines/0".into(), code: "unknown_field", detail: "no".into() };
        let response = Problem::invalid(vec![error]).render("/v1/orders", "r1");
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers().get("content-type").expect("has a type"), MEDIA_TYPE);
    }
}
