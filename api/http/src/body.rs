//! Bodies: JSON in, within bounds of size and time, and every mistake in it named by its place.

mod form;
mod json;
mod mistakes;
mod strict;

use std::time::Duration;

use actix_web::{
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderMap},
    },
    web::{Bytes, BytesMut},
};
use futures::StreamExt;
use json::Json;
use mistakes::Mistakes;
use serde::de::DeserializeOwned;
use strict::Strict;
use utoipa::ToSchema;

use super::{
    brief::cut,
    problem::{FieldError, Problem},
};

pub use form::{FORM, Sent};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Refuses a body that is announced to be larger than `max_bytes`, before it is sent.
pub fn check_length(headers: &HeaderMap, max_bytes: usize) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = announced.and_then(|text| text.parse::<u64>().ok());
    let is_too_large = length.is_some_and(|length| length > max_bytes as u64);
    if is_too_large { Err(Problem::payload_too_large(max_bytes)) } else { Ok(()) }
}

/// Reads the body, if it has no more than `max_bytes` and comes within `time`.
pub async fn read(payload: &mut Payload, max_bytes: usize, time: Duration) -> Result<Bytes, Problem> {
    let all = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::malformed("the body ended early or can't be read"))?;
            if body.len() + chunk.len() > max_bytes {
                return Err(Problem::payload_too_large(max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(time, all).await.unwrap_or_else(|_| Err(Problem::request_timeout()))
}

/// Whether a body that isn't empty is JSON as the method takes it.
pub fn check_media_type(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    check(headers, media_types(method))
}

/// Whether a body that isn't empty is a form.
pub fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    check(headers, &[FORM])
}

fn check(headers: &HeaderMap, taken: &[&str]) -> Result<(), Problem> {
    let text = |name| {
        let mut values = headers.get_all(name);
        let value: &header::HeaderValue = values.next()?;
        if values.next().is_some() { Some("sent twice") } else { value.to_str().ok() }
    };
    let encoded =
        text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    let mut parts = text(header::CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    let is_taken =
        parts.next().is_some_and(|essence| taken.iter().any(|taken| essence.eq_ignore_ascii_case(taken)));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_taken && is_utf8 && !encoded { Ok(()) } else { Err(Problem::unsupported_media_type(taken)) }
}

/// The media types of bodies that a method takes. Merge patches (RFC 7396) are what PATCH means in plain JSON, too.
pub fn media_types(method: &Method) -> &'static [&'static str] {
    if method == Method::PATCH { &[MERGE_PATCH, JSON] } else { &[JSON] }
}

/// The body as a `T`; no body at all is `{}`.
pub fn parse<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    // Only a body that is wrong is read again, slower, to find all that is wrong with it.
    strict::from_slice(body).map_err(|_| explain::<T>(body))
}

/// What a form was filled in with, as a `T`.
pub fn filled<T: DeserializeOwned + ToSchema>(sent: &Sent) -> Result<T, Problem> {
    parse(sent.to_json().as_bytes())
}

/// A mistake of syntax makes the request malformed, mistakes of content invalid.
fn explain<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Problem {
    let json: Json = match serde_json::from_slice(body) {
        Ok(json) => json,
        Err(error) => return Problem::malformed(format!("the body is not JSON: {error}")),
    };
    let Mistakes { mut named, mut count } = mistakes::of::<T>(&json);
    if count == 0 {
        named.extend(first_refusal::<T>(body));
        count = 1;
    }
    Problem::invalid(named, count)
}

/// What the type itself refuses first.
fn first_refusal<T: DeserializeOwned>(body: &[u8]) -> Option<FieldError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let error = T::deserialize(Strict(tracked)).err()?;
    let message = error.to_string();
    let complaint = message.rfind(" at line ").map_or(&*message, |end| &message[..end]);
    let code = if complaint.starts_with("invalid type") { "invalid_type" } else { "invalid_value" };
    let detail = mistakes::in_plain_words(complaint);
    Some(FieldError { pointer: pointer(&track.path()), code, detail })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", mistakes::escape(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    cut(&pointer, mistakes::LONGEST_POINTER)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use utoipa::PartialSchema;

    use super::*;
    use crate::problem::{FieldProblem, ProblemSchema};
    use daybook_core::values::{Metadata, Price, Quantity, Sku};

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Body {
        lines: Vec<Line>,
        #[serde(default)]
        metadata: Metadata,
        price: Option<Price>,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Line {
        sku: Sku,
        quantity: Quantity,
    }

    fn refusal(body: &str) -> String {
        let problem = parse::<Body>(body.as_bytes()).expect_err("a mistake");
        let rendered = problem.render("/", "r", None);
        let body = actix_web::body::MessageBody::try_into_bytes(rendered.into_body()).expect("bytes");
        let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        match document["errors"].get(0) {
            Some(error) => {
                format!(
                    "{} {}",
                    error["pointer"].as_str().unwrap_or("?"),
                    error["code"].as_str().unwrap_or("?")
                )
            }
            None => document["code"].as_str().unwrap_or("?").to_owned(),
        }
    }

    /// The schemas have to repeat the numbers, because their macro takes no constants.
    #[test]
    fn as_many_mistakes_are_named_as_the_schema_says() {
        let schemas = [ProblemSchema::schema(), FieldProblem::schema()];
        let [problem, error] = schemas.map(|schema| serde_json::to_value(schema).expect("a schema"));
        assert_eq!(problem["properties"]["errors"]["maxItems"], mistakes::MOST_NAMED);
        // What is cut ends with an ellipsis.
        assert_eq!(error["properties"]["pointer"]["maxLength"], mistakes::LONGEST_POINTER + 1);
    }

    #[test]
    fn a_mistake_is_named_by_its_place_and_kind() {
        for (body, expected) in [
            (r#"{"lines":[],"status":"shipped"}"#, "/status unknown_field"),
            (r#"{"lines":[{"sku":"A","quantity":1,"pri/ce":1}]}"#, "/lines/0/pri~1ce unknown_field"),
            (r#"{}"#, "/lines missing_field"),
            ("", "/lines missing_field"),
            (r#"{"lines":[{"sku":"A"}]}"#, "/lines/0/quantity missing_field"),
            (r#"{"lines":[],"lines":[]}"#, "/lines duplicate_field"),
            (r#"{"lines":[{"sku":"A","sku":"A","quantity":1}]}"#, "/lines/0/sku duplicate_field"),
            (r#"{"lines":[{"sku":"A","quantity":"1"}]}"#, "/lines/0/quantity invalid_type"),
            (r#"{"lines":[{"sku":"A","quantity":1.5}]}"#, "/lines/0/quantity invalid_type"),
            (r#"{"lines":[{"sku":"A","quantity":-1}]}"#, "/lines/0/quantity invalid_value"),
            (r#"{"lines":[{"sku":"A","quantity":9223372036854775808}]}"#, "/lines/0/quantity invalid_value"),
            (r#"{"lines":[{"sku":"A\u0000","quantity":1}]}"#, "/lines/0/sku invalid_value"),
            (r#"{"lines":[],"metadata":{"a":"1","a":"2"}}"#, "/metadata/a duplicate_field"),
            (r#"{"lines":[],"metadata":{"a":1}}"#, "/metadata/a invalid_type"),
            (r#"{"lines":[],"metadata":{"a":"\u0000"}}"#, "/metadata invalid_value"),
            (r#"{"lines":[],"price":{"amount":1,"currency":"EUR","tax":1}}"#, "/price/tax unknown_field"),
            (r#"{"lines":[],"price":{"amount":-1,"currency":"EUR"}}"#, "/price invalid_value"),
            (r#"{"lines":[],"price":{"amount":1,"currency":"XXY"}}"#, "/price/currency invalid_value"),
            (r#"{"lines":[],"price":{"amount":1e999,"currency":"EUR"}}"#, "malformed_request"),
            (r#"{"lines":[]"#, "malformed_request"),
            (r#"{"lines":[]} x"#, "malformed_request"),
            (r#"{"lines":[{"sku":"\ud800","quantity":1}]}"#, "malformed_request"),
            (r#"[]"#, " invalid_type"),
            (&"[".repeat(200), "malformed_request"),
            (&format!(r#"{{"metadata":{}"#, "{\"a\":".repeat(200)), "malformed_request"),
            (r#"{"lines":{"sku":"A","quantity":1}}"#, "/lines invalid_type"),
            (r#"{"lines":[["A",1]]}"#, "/lines/0 invalid_type"),
            (r#"{"lines":[],"price":[1,"EUR"]}"#, "/price invalid_type"),
        ] {
            assert_eq!(refusal(body), expected, "{body}");
        }
    }

    #[test]
    fn only_plain_json_is_taken() {
        let headers = |name: header::HeaderName, value: &str| -> HeaderMap {
            [(name, value.parse().expect("a header's value"))].into_iter().collect()
        };
        for good in
            ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""]
        {
            assert!(check_media_type(&headers(header::CONTENT_TYPE, good), &Method::POST).is_ok(), "{good}");
        }
        for bad in
            ["", "text/plain", "application/json; charset=latin1", "application/jsonx", "multipart/form-data"]
        {
            assert!(check_media_type(&headers(header::CONTENT_TYPE, bad), &Method::POST).is_err(), "{bad}");
        }
        let mut zipped = headers(header::CONTENT_TYPE, "application/json");
        zipped.insert(header::CONTENT_ENCODING, "gzip".parse().expect("a header's value"));
        assert!(check_media_type(&zipped, &Method::POST).is_err());
        let merge = headers(header::CONTENT_TYPE, MERGE_PATCH);
        assert!(check_media_type(&merge, &Method::PATCH).is_ok());
        assert!(check_media_type(&merge, &Method::POST).is_err());
    }
}
