//! What the headers of a request say: who calls, which request it is, until when an answer is wanted, and under
//! which conditions.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::ServiceRequest,
    http::header::{self, EntityTag, Header, HeaderMap, HeaderName, IfMatch},
};
use daybook_commands::{Context, IdempotencyKey, UseCase};
use daybook_core::{app::App, entropy, request_id};
use daybook_domain::{Position, policy::Actor};
use tokio::time::timeout_at;

use super::{compression, problem::Problem};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub const REQUEST_TIMEOUT_MS: HeaderName = HeaderName::from_static("request-timeout-ms");
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub const DAYBOOK_MIN_POSITION: HeaderName = HeaderName::from_static("daybook-min-position");
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const MAX_KEY: usize = 255;

pub const KEY_FORM: &str = "Idempotency-Key has 1 to 255 printable ASCII characters";

/// What is known of a request before its handler runs.
#[derive(Debug, Clone)]
pub struct RequestContext {
    pub request_id: String,
    pub traceparent: String,
    /// Where it comes from.
    pub address: IpAddr,
    pub deadline: Instant,
    /// `None`: there is no token.
    pub actor: Option<Arc<Actor>>,
}

impl RequestContext {
    /// What comes with a command.
    pub fn of_command(
        &self,
        app: &App,
        key: Option<IdempotencyKey>,
        if_match: Option<Vec<i64>>,
    ) -> Result<Context, Problem> {
        let actor = self.actor.as_deref().ok_or_else(Problem::unauthenticated)?;
        Ok(Context {
            actor: actor.clone(),
            command_id: entropy::new_id(),
            request_id: self.request_id.clone(),
            cause: None,
            traceparent: Some(self.traceparent.clone()),
            deadline: self.deadline,
            now: app.clock.now(),
            key,
            if_match,
        })
    }
}

/// The key, unless it is missing and the use case needs one.
pub fn needed<U: UseCase>(key: Option<String>) -> Result<Option<String>, Problem> {
    if U::NEEDS_KEY && key.is_none() { Err(Problem::idempotency_key_required()) } else { Ok(key) }
}

/// The context that `gate` left with the request.
///
/// # Panics
/// It panics on a route that is not behind `gate`.
pub fn of(request: &HttpRequest) -> Arc<RequestContext> {
    request.extensions().get::<Arc<RequestContext>>().expect("every route is behind the gate").clone()
}

pub fn leave(request: &ServiceRequest, context: RequestContext) {
    request.extensions_mut().insert(Arc::new(context));
}

pub fn request_id(headers: &HeaderMap) -> String {
    request_id::of(headers.get(&X_REQUEST_ID).and_then(|value| value.to_str().ok()))
}

/// The W3C trace context of the caller, as it came.
pub fn traceparent(headers: &HeaderMap) -> Option<&str> {
    headers.get(&TRACEPARENT).and_then(|value| value.to_str().ok())
}

/// The time until which the caller waits: as long as it says, within bounds.
pub fn deadline(
    headers: &HeaderMap,
    now: Instant,
    usual_ms: u64,
    longest_ms: u64,
) -> Result<Instant, Problem> {
    let given = single(headers, &REQUEST_TIMEOUT_MS)?;
    let bad = || Problem::malformed("Request-Timeout-Ms is a positive whole number");
    let timeout_ms = match given {
        None => usual_ms,
        Some(text) => text.parse::<u64>().ok().filter(|ms| *ms > 0).ok_or_else(bad)?,
    };
    Ok(now + Duration::from_millis(timeout_ms.min(longest_ms)))
}

/// The answer, unless the time is over first.
pub async fn in_time<T, E: Into<Problem>>(
    deadline: Instant,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    match timeout_at(deadline.into(), asked).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Problem::deadline_exceeded()),
    }
}

/// The versions, one of which the thing must still have (RFC 9110, section 13.1.1). `*` is met by anything
/// that exists, which the command checks anyway. A tag that was never given out, and a weak one, match nothing.
pub fn if_match(request: &HttpRequest) -> Result<Option<Vec<i64>>, Problem> {
    if !request.headers().contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    match IfMatch::parse(request) {
        Ok(IfMatch::Any) => Ok(None),
        Ok(IfMatch::Items(tags)) if !tags.is_empty() => Ok(Some(tags.iter().filter_map(version).collect())),
        _ => Err(Problem::malformed("If-Match is a list of ETags, as they were received")),
    }
}

fn version(tag: &EntityTag) -> Option<i64> {
    let text = compression::plain(tag.tag());
    let version: i64 = text.parse().ok().filter(|_| !tag.weak)?;
    (version.to_string() == text).then_some(version)
}

/// The key as it was meant, whether it came bare or as a string of RFC 8941.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(text) = single(headers, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    let bad = || Problem::malformed(KEY_FORM);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(bad)?,
        None => {
            Some(text).filter(|key| key.bytes().all(|c| c.is_ascii_graphic())).ok_or_else(bad)?.to_owned()
        }
    };
    if is_key(&key) { Ok(Some(key)) } else { Err(bad()) }
}

/// Whether it can be an idempotency key, in whichever form it came.
pub fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|c| matches!(c, b' '..=b'~'))
}

/// Reads a string of RFC 8941, section 3.3.3, from behind its opening quote.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => text.push(c),
            _ => return None,
        }
    }
}

/// The position that a query must have seen at least.
pub fn min_position(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    let Some(text) = single(headers, &DAYBOOK_MIN_POSITION)? else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(position) if position >= 0 => Ok(Some(Position(position))),
        _ => Err(Problem::malformed("Daybook-Min-Position is a position as it was received")),
    }
}

/// Where a client that followed the log was when its connection ended (WHATWG HTML, section 9.2).
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    // A client that has received no id may send an empty one.
    let Some(text) = single(headers, &LAST_EVENT_ID)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(position) if position >= 0 => Ok(Some(Position(position))),
        _ => Err(Problem::malformed("Last-Event-ID is the id of an event as it was received")),
    }
}

/// The value of a header that may be sent once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let bad = || Problem::malformed(format!("the header {name} is sent once, in ASCII"));
    if values.next().is_some() {
        return Err(bad());
    }
    value.to_str().map(|text| Some(text.trim())).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn headers(name: &HeaderName, value: &str) -> HeaderMap {
        [(name.clone(), value.parse().expect("a header's value"))].into_iter().collect()
    }

    fn key(value: &str) -> Option<String> {
        idempotency_key(&headers(&IDEMPOTENCY_KEY, value)).ok().flatten()
    }

    #[test]
    fn an_idempotency_key_is_the_same_bare_and_quoted() {
        assert_eq!(key("abc-1"), Some("abc-1".into()));
        assert_eq!(key(r#""abc-1""#), Some("abc-1".into()));
        assert_eq!(key(r#""a \"b\" \\""#), Some(r#"a "b" \"#.into()));
        assert_eq!(key(&"k".repeat(255)), Some("k".repeat(255)));
    }

    #[test]
    fn an_idempotency_key_that_can_not_be_one_is_refused() {
        for bad in ["", "\"\"", "a b", "\"open", "\"a\"b", r#""a\n""#, &"k".repeat(256)] {
            assert!(idempotency_key(&headers(&IDEMPOTENCY_KEY, bad)).is_err(), "{bad}");
        }
        let mut twice = headers(&IDEMPOTENCY_KEY, "a");
        twice.append(IDEMPOTENCY_KEY, "b".parse().expect("a header's value"));
        assert!(idempotency_key(&twice).is_err());
    }

    #[test]
    fn a_request_id_that_could_break_a_log_line_is_replaced() {
        assert_eq!(request_id(&headers(&X_REQUEST_ID, "abc-1")), "abc-1");
        for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_ne!(request_id(&headers(&X_REQUEST_ID, bad)), bad);
        }
    }

    #[test]
    fn a_deadline_is_capped_and_positive() {
        let now = Instant::now();
        let given = |text: &str| deadline(&headers(&REQUEST_TIMEOUT_MS, text), now, 10_000, 30_000);
        assert_eq!(given("500").expect("valid"), now + Duration::from_millis(500));
        assert_eq!(given("999999").expect("valid"), now + Duration::from_secs(30));
        assert_eq!(
            deadline(&HeaderMap::new(), now, 10_000, 30_000).expect("valid"),
            now + Duration::from_secs(10)
        );
        for bad in ["0", "-1", "soon", "1.5"] {
            assert!(given(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn if_match_takes_the_etags_that_were_given_out() {
        let versions = |text: &str| {
            let request = TestRequest::get().insert_header((header::IF_MATCH, text)).to_http_request();
            if_match(&request).map_err(|problem| problem.code().as_str())
        };
        assert_eq!(versions("\"7\""), Ok(Some(vec![7])));
        assert_eq!(versions("\"7\", \"8\""), Ok(Some(vec![7, 8])));
        assert_eq!(versions("*"), Ok(None));
        for nothing in ["W/\"7\"", "\"abc\"", "\"07\"", "\"+7\""] {
            assert_eq!(versions(nothing), Ok(Some(vec![])), "{nothing}");
        }
        for bad in ["7", "\"7", ""] {
            assert_eq!(versions(bad).expect_err("no list of ETags"), "malformed_request", "{bad}");
        }
    }
}
