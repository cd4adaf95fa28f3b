//! Answers: what a command left behind, and what a read found.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use daybook_commands::{Done, Outcome, UseCase};
use daybook_domain::Position;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::reads::{Form, Found, Kept};

pub use super::caching::{NO_STORE, PUBLIC};

pub const DAYBOOK_POSITION: HeaderName = HeaderName::from_static("daybook-position");
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// What a handler answers.
pub type Answer = Result<HttpResponse, Problem>;

/// The answer to a command. `collection` is where created things are found by their id.
pub fn to_command<U: UseCase>(answer: daybook_commands::Answer<U>, collection: &str) -> Answer {
    let Done { outcome, position, replayed } = answer?;
    let status = if U::CREATES { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response
        .insert_header(JSON)
        .insert_header((header::ETAG, etag(outcome.version())))
        .insert_header((DAYBOOK_POSITION, position.0));
    if U::CREATES {
        response.insert_header((header::LOCATION, format!("{collection}/{}", outcome.id())));
    }
    if replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    let body = serde_json::to_vec(&CommandAnswer { outcome: &outcome, position });
    Ok(response.body(body.expect("outcomes serialize: string keys, finite numbers")))
}

/// An outcome as it is sent: with the position as its last member.
#[derive(Serialize)]
struct CommandAnswer<'a, O> {
    #[serde(flatten)]
    outcome: &'a O,
    position: Position,
}

/// Of a thing at this version, as `If-Match` names it.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The answer to a read, or 304 if the client has it already.
pub fn to_read<V: Serialize>(request: &HttpRequest, found: &Found<V>) -> HttpResponse {
    let form = found.kept.form(written);
    let known = has_it_already(request, &form.tag);
    let mut response = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((header::ETAG, form.tag.as_str()))
        .insert_header((DAYBOOK_POSITION, found.position.0))
        .insert_header(if found.is_for_caches { PUBLIC } else { NO_STORE });
    if known {
        return response.finish();
    }
    response.insert_header(JSON).body(form.body.clone())
}

/// A view as JSON, and its ETag: of its bytes, if it has no tag of its own.
fn written<V: Serialize>(kept: &Kept<V>) -> Form {
    let body = serde_json::to_vec(&kept.view).expect("views serialize: string keys, finite numbers");
    let tag = kept.tag.as_ref().map_or_else(|| digest(&body), |tag| format!("\"{tag}\""));
    Form { body: body.into(), tag }
}

fn digest(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// An answer that is made for this request.
pub fn json(body: &impl Serialize) -> HttpResponse {
    let body = serde_json::to_vec(body).expect("answers serialize: string keys, finite numbers");
    HttpResponse::Ok().insert_header(JSON).body(body)
}

/// The same for everybody.
pub fn public(body: &impl Serialize) -> HttpResponse {
    let mut response = json(body);
    response.headers_mut().insert(PUBLIC.0, PUBLIC.1);
    response
}

pub fn tell_position(response: &mut HttpResponse, position: Position) {
    response.headers_mut().insert(DAYBOOK_POSITION, position.0.into());
}

fn has_it_already(request: &HttpRequest, etag: &str) -> bool {
    let Some(known) = request.headers().get(header::IF_NONE_MATCH) else { return false };
    let known = known.to_str().unwrap_or_default();
    known.trim() == "*" || known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// Fails if `Accept` leaves none of `offered` over.
pub fn check_acceptable(request: &HttpRequest, offered: &[&str]) -> Result<(), Problem> {
    match preferred(request, offered) {
        Some(_) => Ok(()),
        None => Err(Problem::not_acceptable()),
    }
}

/// The one of `offered` that the client likes best; of equals the first.
pub fn preferred<'a>(request: &HttpRequest, offered: &[&'a str]) -> Option<&'a str> {
    let values = request.headers().get_all(header::ACCEPT);
    let accept = values.filter_map(|value| value.to_str().ok()).fold(Cow::Borrowed(""), |all, value| {
        if all.is_empty() { value.into() } else { format!("{all},{value}").into() }
    });
    if accept.is_empty() || accept == "*/*" {
        return offered.first().copied();
    }
    let quality = |offer: &&str| {
        let ranges = accept.split(',').filter_map(|range| matching(range, offer));
        // The most exact range decides.
        ranges.max_by_key(|(exactness, _)| *exactness).map_or(0, |(_, quality)| quality)
    };
    let liked = offered.iter().map(|offer| (*offer, quality(offer))).filter(|(_, quality)| *quality > 0);
    liked
        .fold(None, |best: Option<(&str, u32)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        })
        .map(|(offer, _)| offer)
}

/// How exactly one range of an Accept header matches, and its quality in thousandths.
fn matching(range: &str, offer: &str) -> Option<(u8, u32)> {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?;
    let (kind, _) = offer.split_once('/')?;
    let exactness = match essence.split_once('/')? {
        _ if essence.eq_ignore_ascii_case(offer) => 2,
        (range, "*") if range.eq_ignore_ascii_case(kind) => 1,
        ("*", "*") => 0,
        _ => return None,
    };
    let quality = parts.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
    let quality = quality.map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
    Some((exactness, (quality.clamp(0.0, 1.0) * 1_000.0) as u32))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn choice(accept: &str) -> Option<&'static str> {
        let request = TestRequest::get().insert_header((header::ACCEPT, accept)).to_http_request();
        preferred(&request, &["application/json", "application/x-ndjson"])
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        assert_eq!(choice("*/*"), Some("application/json"));
        assert_eq!(choice("application/*"), Some("application/json"));
        assert_eq!(choice("application/x-ndjson"), Some("application/x-ndjson"));
        assert_eq!(choice("application/json;q=0.5, application/x-ndjson"), Some("application/x-ndjson"));
        assert_eq!(choice("text/html, */*;q=0.1"), Some("application/json"));
        assert_eq!(choice("application/json;q=0, */*"), Some("application/x-ndjson"));
        assert_eq!(choice("text/html"), None);
        assert_eq!(preferred(&TestRequest::get().to_http_request(), &["a/b"]), Some("a/b"));
    }

    #[test]
    fn the_position_becomes_the_last_member() {
        #[derive(Serialize)]
        struct Thing {
            id: &'static str,
        }
        let answer = CommandAnswer { outcome: &Thing { id: "a" }, position: Position(7) };
        assert_eq!(serde_json::to_string(&answer).expect("serializes"), r#"{"id":"a","position":7}"#);
    }

    #[test]
    fn a_known_etag_is_recognised_among_others() {
        let knows = |tags: &str| {
            let request = TestRequest::get().insert_header((header::IF_NONE_MATCH, tags)).to_http_request();
            has_it_already(&request, "\"7\"")
        };
        assert!(knows("\"7\"") && knows("W/\"7\"") && knows("\"6\", \"7\"") && knows("*"));
        assert!(!knows("\"6\"") && !knows("7"));
    }
}
