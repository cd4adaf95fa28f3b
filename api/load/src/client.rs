//! The HTTP API as it is used by a client that wants every command to happen once: each command has an
//! idempotency key, and is sent again with the same key if there is no answer.

use std::{error::Error, iter::successors, time::Duration};

use reqwest::{
    Method, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

/// How long a command is tried, s. A server has that long to come back.
const PATIENCE_SECS: u64 = 120;
/// How long one try may take, s.
const TRY_TIMEOUT_SECS: u64 = 30;
const CONNECT_TIMEOUT_SECS: u64 = 5;
/// The wait after the first try, doubled after each, ms.
const FIRST_WAIT_MS: u64 = 100;
const LONGEST_WAIT_MS: u64 = 5_000;
/// The longest `Retry-After` that is honoured to the letter, s.
const LONGEST_RETRY_AFTER_SECS: u64 = 60;
/// Answers are small; anything larger is not from Daybook.
const MAX_ANSWER_BYTES: usize = 4 << 20;

pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

/// What the server decided.
#[derive(Debug)]
pub enum Answer {
    Accepted {
        body: Value,
        /// It was done before, by a command with the same key.
        replayed: bool,
        /// The position for a query that must see what the command did.
        position: Option<String>,
    },
    Refused(Refusal),
}

/// The members of a problem (RFC 9457) that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub detail: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the API's URL is not one of http or https")]
    Url,
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("gave up after {PATIENCE_SECS} s: {0}")]
    GaveUp(String),
    #[error("the server doesn't accept the token: {0}")]
    Unauthenticated(String),
    #[error("the answer is not what this API gives: {0}")]
    Foreign(String),
}

/// One try that came to nothing.
struct Hiccup {
    what: String,
    retry_after: Option<Duration>,
}

impl Client {
    pub fn new(base: &str, token: String) -> Result<Self, ClientError> {
        let base = Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(TRY_TIMEOUT_SECS))
            .connect_timeout(Duration::from_secs(CONNECT_TIMEOUT_SECS))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("daybook-load/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, base: base.ok_or(ClientError::Url)?, token })
    }

    /// Sends a command, again and again until it is decided. `name` says what it is about; with the
    /// body it makes the idempotency key, so that a changed command is another one.
    pub async fn command(&self, path: &[&str], name: &str, body: &Value) -> Result<Answer, ClientError> {
        let body = body.to_string();
        let key = idempotency_key(name, &body);
        self.until_decided(|| {
            self.http
                .request(Method::POST, self.url(path))
                .header("idempotency-key", &key)
                .header("content-type", "application/json")
                .body(body.clone())
        })
        .await
    }

    /// Asks a query that has seen everything up to `position`.
    pub async fn query(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
        position: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut url = self.url(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.until_decided(|| {
            let request = self.http.request(Method::GET, url.clone());
            match position {
                Some(position) => request.header("daybook-min-position", position),
                None => request,
            }
        })
        .await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http URLs have paths").pop_if_empty().extend(path);
        url
    }

    async fn until_decided(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> Result<Answer, ClientError> {
        let patience = Instant::now() + Duration::from_secs(PATIENCE_SECS);
        let mut wait = Duration::from_millis(FIRST_WAIT_MS);
        loop {
            let hiccup = match self.attempt(request()).await? {
                Ok(answer) => return Ok(answer),
                Err(hiccup) => hiccup,
            };
            // Half of the wait is random, so that requests that were turned away together don't come
            // back together.
            let pause =
                wait.mul_f64(rand::random_range(0.5..1.0)).max(hiccup.retry_after.unwrap_or_default());
            if Instant::now() + pause > patience {
                return Err(ClientError::GaveUp(hiccup.what));
            }
            sleep(pause).await;
            wait = (wait * 2).min(Duration::from_millis(LONGEST_WAIT_MS));
        }
    }

    async fn attempt(&self, request: reqwest::RequestBuilder) -> Result<Result<Answer, Hiccup>, ClientError> {
        let unreachable =
            |error: reqwest::Error| Hiccup { what: causes(&error.without_url()), retry_after: None };
        let response = match request.bearer_auth(&self.token).send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => return Err(error.into()),
            Err(error) => return Ok(Err(unreachable(error))),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = match response.bytes().await {
            Ok(bytes) if bytes.len() <= MAX_ANSWER_BYTES => bytes,
            Ok(bytes) => return Err(ClientError::Foreign(format!("{} bytes", bytes.len()))),
            Err(error) => return Ok(Err(unreachable(error))),
        };
        if status.is_success() {
            let body = serde_json::from_slice(&bytes);
            let body = body.map_err(|_| ClientError::Foreign(format!("{status} without JSON")))?;
            return Ok(Ok(accepted(body, &headers)));
        }
        let mut refusal: Refusal = serde_json::from_slice(&bytes).unwrap_or_default();
        refusal.status = status.as_u16();
        if may_be_repeated(status, &refusal.code) {
            let what = format!("{status} {} {}", refusal.code, refusal.detail);
            return Ok(Err(Hiccup { what, retry_after: retry_after(&headers) }));
        }
        match status {
            StatusCode::UNAUTHORIZED => Err(ClientError::Unauthenticated(refusal.detail)),
            _ if refusal.code.is_empty() => Err(ClientError::Foreign(status.to_string())),
            _ => Ok(Ok(Answer::Refused(refusal))),
        }
    }
}

fn accepted(body: Value, headers: &HeaderMap) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Answer::Accepted {
        body,
        replayed: header("idempotent-replayed") == Some("true"),
        position: header("daybook-position").map(str::to_owned),
    }
}

/// Answers that say nothing about the command itself: not now, or not known.
fn may_be_repeated(status: StatusCode, code: &str) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502 | 503 | 504) || code == "idempotency_in_flight"
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER_SECS)))
}

/// An error says what, its sources say why.
fn causes(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Names come from a file and may have any letters; a key may not.
fn idempotency_key(name: &str, body: &str) -> String {
    format!("load-{}", fingerprint(&[name, body]))
}

/// 32 hexadecimal digits that stand for these texts and, as far as chance goes, for no others.
pub fn fingerprint(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn a_key_is_the_same_for_the_same_command_only() {
        let key = idempotency_key("order-536365", "{}");
        assert_eq!(key, idempotency_key("order-536365", "{}"));
        assert_ne!(key, idempotency_key("order-536365", "{ }"));
        assert_ne!(key, idempotency_key("order-536366", "{}"));
        for name in ["order-536365", "order-INV 2020 № 1", &"x".repeat(1000)] {
            let key = idempotency_key(name, "{}");
            assert!(key.len() <= 255 && key.bytes().all(|c| c.is_ascii_graphic()), "{key}");
        }
    }

    #[test]
    fn only_what_says_nothing_about_the_command_is_repeated() {
        let repeated =
            |status: u16, code| may_be_repeated(StatusCode::from_u16(status).expect("valid"), code);
        for (status, code) in [(429, "rate_limited"), (503, "outcome_unknown"), (504, "deadline_exceeded")] {
            assert!(repeated(status, code), "{code}");
        }
        assert!(repeated(409, "idempotency_in_flight"));
        for (status, code) in [(409, "already_exists"), (422, "insufficient_stock"), (500, "internal")] {
            assert!(!repeated(status, code), "{code}");
        }
    }

    /// Answers one request after the other with these, then closes the connection; an empty answer
    /// only closes it. Returns the requests.
    async fn serve(listener: TcpListener, answers: &[&str]) -> Vec<String> {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                socket.read_buf(&mut request).await.expect("a request");
            }
            socket.write_all(answer.as_bytes()).await.expect("a client");
            requests.push(String::from_utf8(request).expect("UTF-8"));
        }
        requests
    }

    #[tokio::test]
    async fn an_unanswered_command_is_repeated_with_its_key_until_it_is_decided() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let client = Client::new(&url, "token".into()).expect("a client");
        let answer = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        };
        let answers = [
            String::new(),
            answer("503 Service Unavailable\r\nretry-after: 1", r#"{"code":"outcome_unknown"}"#),
            answer("201 Created\r\nidempotent-replayed: true", r#"{"id":"ord_1"}"#),
        ];
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let started = Instant::now();
        let body = serde_json::json!({});
        let (requests, answer) =
            tokio::join!(serve(listener, &answers), client.command(&["v1", "orders"], "order-1", &body));

        let Answer::Accepted { body, replayed, .. } = answer.expect("an answer") else { panic!("refused") };
        assert_eq!((body["id"].as_str(), replayed), (Some("ord_1"), true));
        assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
        let keys: Vec<&str> = requests
            .iter()
            .map(|request| request.lines().find(|line| line.starts_with("idempotency-key")).expect("a key"))
            .collect();
        assert_eq!(keys, [keys[0]; 3]);
        assert!(requests[0].starts_with("POST /v1/orders HTTP/1.1\r\n"), "{}", requests[0]);
    }
}
