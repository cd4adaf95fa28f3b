//! Problem details (RFC 9457): the one form in which anything is refused or fails.

pub mod catalogue;
mod page;
mod schema;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use catalogue::{CommandCode, DownstreamCode};
use daybook_core::auth::Refused;
use daybook_domain::{Code, Position, code::GeneralCode, policy::PolicyCode};
use serde::Serialize;
use serde_json::Value;

use super::{brief::cut, caching::NO_STORE, codes::HttpCode};
pub use catalogue::{catalogue, find, status};
pub use page::page;
pub use schema::{FieldProblem, ProblemCode, ProblemSchema};

pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem has at most 8 KiB: this much for what is wrong with a body, in bytes, and a bounded rest. What a client
/// sent is only in there as far as these bounds go.
const MOST_BYTES_OF_ERRORS: usize = 5_000;
const LONGEST_DETAIL: usize = 400;
const LONGEST_INSTANCE: usize = 300;

/// Why a request was not answered as asked.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
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

/// A problem as it is sent.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    instance: String,
    code: Code,
    request_id: &'a str,
    /// `None`: it answers no request.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    pub fn new(code: impl Into<Code>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), detail: detail.into(), errors: vec![], headers: vec![], closes: false }
    }

    /// A problem whose text is what its page says that it means.
    pub fn usual(code: impl Into<Code>) -> Self {
        let code = code.into();
        Self::new(code, code.meaning())
    }

    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(HttpCode::MalformedRequest, detail)
    }

    /// A position to wait for that no client was told of.
    pub fn ahead(head: Position) -> Self {
        Self::malformed(format!("Daybook-Min-Position is beyond the head of the log, which is {head}"))
    }

    pub fn unknown_parameter(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(HttpCode::UnknownParameter, detail)
    }

    pub fn idempotency_key_required() -> Self {
        Self::usual(HttpCode::KeyRequired)
    }

    pub fn unauthenticated() -> Self {
        Self::usual(HttpCode::Unauthenticated).with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// The caller learns that the token is bad, not why.
    pub fn invalid_token() -> Self {
        Self::usual(HttpCode::Unauthenticated)
            .with(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)
    }

    /// Tells a client how it can get further (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn challenged(self, challenge: &'static str) -> Self {
        self.with(header::WWW_AUTHENTICATE, challenge)
    }

    pub fn forbidden(permission: &str) -> Self {
        Self::new(PolicyCode::Forbidden, format!("this needs the permission {permission}"))
    }

    pub fn not_found() -> Self {
        Self::usual(GeneralCode::NotFound)
    }

    pub fn method_not_allowed(allow: &str) -> Self {
        Self::usual(HttpCode::MethodNotAllowed).with(header::ALLOW, allow)
    }

    pub fn not_acceptable() -> Self {
        Self::usual(HttpCode::NotAcceptable)
    }

    pub fn request_timeout() -> Self {
        Self { closes: true, ..Self::usual(HttpCode::RequestTimeout) }
    }

    pub fn payload_too_large(max_bytes: usize) -> Self {
        let detail = format!("a body has at most {max_bytes} bytes");
        Self { closes: true, ..Self::new(HttpCode::PayloadTooLarge, detail) }
    }

    /// `taken` are the media types that would do. RFC 5789 has a header of its own for those of PATCH.
    pub fn unsupported_media_type(taken: &[&str]) -> Self {
        let name = if taken.len() > 1 { "accept-patch" } else { "accept" };
        Self::usual(HttpCode::UnsupportedMediaType).with(HeaderName::from_static(name), taken.join(", "))
    }

    pub fn stale_version(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CommandCode::StaleVersion, detail)
    }

    /// A body that can be read but says something that it may not, `count` times. As many mistakes are named as an
    /// answer has room for.
    pub fn invalid(mut errors: Vec<FieldError>, count: usize) -> Self {
        let mut room = MOST_BYTES_OF_ERRORS;
        let fits = |error: &FieldError| {
            let size = serde_json::to_vec(error).map_or(usize::MAX, |json| json.len());
            let rest = room.checked_sub(size);
            room = rest.unwrap_or_default();
            rest.is_some()
        };
        let fitting = errors.iter().map(fits).take_while(|fits| *fits).count();
        errors.truncate(fitting);
        let problem = Self::usual(GeneralCode::ValidationFailed);
        let detail = match count.saturating_sub(errors.len()) {
            0 => problem.detail.clone(),
            1 => format!("{} One more mistake is not named.", problem.detail).into(),
            more => format!("{} {more} more mistakes are not named.", problem.detail).into(),
        };
        Self { errors, detail, ..problem }
    }

    pub fn rate_limited(retry_after_s: u64) -> Self {
        Self::usual(HttpCode::RateLimited).retry_after(retry_after_s)
    }

    pub fn overloaded() -> Self {
        Self::usual(GeneralCode::Overloaded).retry_after(1)
    }

    pub fn unavailable() -> Self {
        Self::usual(GeneralCode::Unavailable).retry_after(1)
    }

    pub fn outcome_unknown() -> Self {
        Self::usual(CommandCode::OutcomeUnknown).retry_after(1)
    }

    pub fn read_model_behind() -> Self {
        Self::usual(DownstreamCode::ReadModelBehind).retry_after(1)
    }

    pub fn deadline_exceeded() -> Self {
        Self::usual(GeneralCode::DeadlineExceeded)
    }

    pub fn internal() -> Self {
        Self::usual(GeneralCode::Internal)
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
        self.errors.push(FieldError { pointer, code: self.code.as_str(), detail });
        self
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with(header::RETRY_AFTER, seconds)
    }

    /// The same of a body that is a member of what was sent.
    #[must_use]
    pub fn within(mut self, member: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, &format!("/{member}"));
        }
        self
    }

    pub fn code(&self) -> Code {
        self.code
    }

    /// In words for people, as it is sent.
    pub fn detail(&self) -> String {
        cut(&self.detail, LONGEST_DETAIL)
    }

    /// What is wrong with which part of the body.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// After how many seconds it is worth to ask again, if that is known.
    pub fn retry_after_s(&self) -> Option<u64> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == header::RETRY_AFTER)?;
        value.to_str().ok()?.parse().ok()
    }

    pub fn status(&self) -> StatusCode {
        catalogue::status(self.code.kind())
    }

    /// What a foreign error comes to: ours as it is, the framework's by its status.
    pub fn of(error: &actix_web::Error) -> Cow<'_, Self> {
        if let Some(problem) = error.as_error::<Self>() {
            return Cow::Borrowed(problem);
        }
        Cow::Owned(match error.as_response_error().status_code() {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::usual(HttpCode::MethodNotAllowed),
            StatusCode::REQUEST_TIMEOUT => Self::request_timeout(),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::usual(HttpCode::HeadTooLarge),
            StatusCode::PAYLOAD_TOO_LARGE => Self::usual(HttpCode::PayloadTooLarge),
            status if status.is_client_error() => Self::usual(HttpCode::MalformedRequest),
            _ => Self::internal(),
        })
    }

    fn document<'a>(
        &'a self,
        instance: &'a str,
        request_id: &'a str,
        trace_id: Option<&'a str>,
    ) -> Document<'a> {
        Document {
            r#type: format!("/problems/{}", self.code),
            title: self.code.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            instance: cut(instance, LONGEST_INSTANCE),
            code: self.code,
            request_id,
            trace_id,
            errors: &self.errors,
        }
    }

    /// The answer to the request `request_id` for `instance`.
    pub fn render(&self, instance: &str, request_id: &str, trace_id: Option<&str>) -> HttpResponse {
        let document = self.document(instance, request_id, trace_id);
        let body = serde_json::to_vec(&document).expect("text and numbers serialize");
        self.begin().insert_header((header::CONTENT_TYPE, MEDIA_TYPE)).body(body)
    }

    /// An answer with this problem's status and headers, in whichever form.
    pub fn begin(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status());
        response.insert_header(NO_STORE);
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        if self.closes {
            response.force_close();
        }
        response
    }
}

/// A problem of that code as it is sent.
pub fn example(code: Code) -> Value {
    let problem = if code == GeneralCode::ValidationFailed.code() {
        let detail = "this is not a member of the body".to_owned();
        Problem::invalid(vec![FieldError { pointer: "/colour".into(), code: "unknown_field", detail }], 1)
    } else {
        Problem::usual(code)
    };
    let document = problem.document("/v1/orders", "019b0000000070008000000000000001", None);
    serde_json::to_value(document).expect("text and numbers serialize")
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
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn a_code_has_one_meaning_one_title_and_a_status_of_an_error() {
        let mut names = BTreeSet::new();
        for code in catalogue() {
            assert!(names.insert(code.as_str()), "{code} is declared twice");
            assert!(!code.title().is_empty(), "{code}");
            let status = status(code.kind());
            assert!(status.is_client_error() || status.is_server_error(), "{code}");
            // It is sent as the detail, where no Markdown is read.
            let meaning = code.meaning();
            assert!(meaning.ends_with('.') && !meaning.contains(['`', '#', '*']), "{code}: {meaning}");
        }
    }

    /// Clients match on these; each status is part of the contract too.
    #[test]
    fn the_codes_of_the_contract_are_there() {
        for (status, codes) in [
            (400, &["malformed_request", "idempotency_key_required", "unknown_parameter"][..]),
            (401, &["unauthenticated"]),
            (403, &["forbidden"]),
            (404, &["not_found"]),
            (405, &["method_not_allowed"]),
            (406, &["not_acceptable"]),
            (408, &["request_timeout"]),
            (
                409,
                &[
                    "conflict",
                    "already_exists",
                    "idempotency_in_flight",
                    "already_running",
                    "last_signing_key",
                ],
            ),
            (412, &["stale_version"]),
            (413, &["payload_too_large"]),
            (415, &["unsupported_media_type"]),
            (431, &["head_too_large"]),
            (422, &["validation_failed", "idempotency_key_reused", "insufficient_stock"]),
            (422, &["product_not_found", "product_not_published", "product_archived", "price_not_available"]),
            (422, &["order_not_confirmable", "order_not_cancellable", "order_not_shippable"]),
            (422, &["order_not_deliverable", "shipment_exceeds_order", "nothing_to_ship"]),
            (422, &["currency_mismatch", "total_out_of_range", "too_many_currencies"]),
            (422, &["stock_out_of_range", "nothing_to_adjust", "stock_not_promised"]),
            (429, &["rate_limited"]),
            (500, &["internal"]),
            (503, &["overloaded", "unavailable", "outcome_unknown", "read_model_behind"]),
            (504, &["deadline_exceeded"]),
        ] {
            for name in codes {
                let code = find(name).expect(name);
                assert_eq!(super::status(code.kind()).as_u16(), status, "{name}");
            }
        }
    }

    /// The schemas have to repeat the numbers, because their macro takes no constants. What is cut ends with an ellipsis.
    #[test]
    fn a_problem_is_as_long_as_its_schema_says() {
        let schemas = [ProblemSchema::schema(), FieldProblem::schema()];
        let [problem, error] = schemas.map(|schema| serde_json::to_value(schema).expect("a schema"));
        for (schema, member, bound, most) in [
            (&problem, "detail", "maxLength", LONGEST_DETAIL + 1),
            (&problem, "instance", "maxLength", LONGEST_INSTANCE + 1),
            (&error, "detail", "maxLength", MOST_BYTES_OF_ERRORS),
        ] {
            assert_eq!(schema["properties"][member][bound], most, "{member}");
        }
    }

    #[test]
    fn a_validation_problem_names_the_field() {
        let error = FieldError { pointer: "/lines/0".into(), code: "unknown_field", detail: "no".into() };
        let response = Problem::invalid(vec![error], 1).render("/v1/orders", "r1", None);
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers().get("content-type").expect("has a type"), MEDIA_TYPE);
    }
}
