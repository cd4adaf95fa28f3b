//! A client of the API, as a test needs one: it remembers the newest position that it was told, and asks
//! to see at least that.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::{promised::Promised, reply::Reply, shop::new_id, until};

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    /// Shared by all clients of an app.
    seen: Arc<AtomicI64>,
    /// Which answers it may get; any, if `None`.
    promised: Option<Arc<Promised>>,
}

impl Client {
    pub fn new(base: String) -> Self {
        // Without TLS, the certificates of the machine need not be read.
        let http = reqwest::Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().expect("a client needs nothing"),
            base,
            token: None,
            seen: Arc::new(AtomicI64::new(0)),
            promised: None,
        }
    }

    /// One that takes only answers that the server's documents have.
    #[must_use]
    pub fn promised(self, promised: Promised) -> Self {
        Self { promised: Some(Arc::new(promised)), ..self }
    }

    /// One that takes any answer, such as those with values that were stored before there was a rule for them.
    #[must_use]
    pub fn unpromised(&self) -> Self {
        Self { promised: None, ..self.clone() }
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
        let (http, request) = request.build_split();
        let request = request?;
        let asked = (request.method().to_string(), request.url().path().to_owned());
        let response = http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        let reply = Reply { status, headers, body };
        if let Some(promised) = &self.promised {
            promised.check(&self.base, &asked.0, &asked.1, &reply);
        }
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

    /// What `/readyz` says when the server is ready. On a busy machine its look at the database may take too long.
    pub async fn readiness(&self) -> Value {
        let mut said = Value::Null;
        until("the server is ready", async || {
            let reply = self.get("/readyz").await;
            said = reply.json();
            reply.status == 200
        })
        .await;
        said
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

    pub async fn delete_with(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::DELETE, path).json(&body)).await
    }
}
