//! A client of the API, as a test needs one: it remembers the newest position that it was told, and asks
//! to see at least that.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use reqwest::{
    Method, RequestBuilder,
    header::{HeaderMap, HeaderName},
};
use serde_json::Value;

use crate::shop::new_id;

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    /// Shared by all clients of an app.
    seen: Arc<AtomicI64>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(base: String) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self {
            http: http.expect("a client needs nothing"),
            base,
            token: None,
            seen: Arc::new(AtomicI64::new(0)),
        }
    }

    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// Where it asks.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request that has the token and nothing else.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        self.try_send(request).await.expect("the server answers")
    }

    /// For servers that may not answer.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        let reply = Reply { status, headers, body };
        if let Some(position) = reply.header("daybook-position").and_then(|text| text.parse().ok()) {
            self.seen.fetch_max(position, Ordering::SeqCst);
        }
        Ok(reply)
    }

    /// Sees everything that this client was told of.
    pub async fn get(&self, path: &str) -> Reply {
        let seen = self.seen.load(Ordering::SeqCst);
        self.send(self.request(Method::GET, path).header("daybook-min-position", seen)).await
    }

    /// Each with a key of its own.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.post_keyed(path, &new_id().simple().to_string(), body).await
    }

    pub async fn post_keyed(&self, path: &str, key: &str, body: Value) -> Reply {
        self.send(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The code of a problem, after looking at what every problem has.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        code
    }

    /// `status code`, and the pointer of the first error if there is one.
    #[track_caller]
    pub fn refusal(&self) -> String {
        let code = self.code();
        match self.json().pointer("/errors/0") {
            Some(error) => format!(
                "{} {code} {} {}",
                self.status,
                error["pointer"].as_str().expect("a pointer"),
                error["code"].as_str().expect("a code")
            ),
            None => format!("{} {code}", self.status),
        }
    }

    #[track_caller]
    pub fn position(&self) -> i64 {
        let position = self.header("daybook-position").expect("every answer tells a position");
        position.parse().expect("a number")
    }
}
