//! A client of the API, for what `up` itself has to ask.

use std::time::Duration;

use reqwest::Method;

use crate::failure::{About, Failure};

const TO_ANSWER: Duration = Duration::from_secs(20);
/// For questions that are asked again and again.
const TO_SAY_READY: Duration = Duration::from_secs(5);
const RETRIES: usize = 5;
const BEFORE_RETRY: Duration = Duration::from_secs(1);
/// Statuses that may be others in a moment.
const PASSING: [u16; 6] = [408, 429, 500, 502, 503, 504];

pub struct Http {
    client: reqwest::Client,
}

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Http {
    /// Asks without a proxy, whatever the environment says.
    pub fn new() -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().timeout(TO_ANSWER).build();
        Ok(Self { client: client.about("a client of HTTP")? })
    }

    /// Whether the answer to GET is a success.
    pub async fn is_ok(&self, url: &str) -> bool {
        let asked = self.client.get(url).timeout(TO_SAY_READY).send().await;
        asked.is_ok_and(|answer| !answer.status().is_client_error() && !answer.status().is_server_error())
    }

    /// The text that is there.
    pub async fn get(&self, url: &str) -> Result<String, Failure> {
        let answer = self.client.get(url).send().await.and_then(reqwest::Response::error_for_status);
        answer.about(format_args!("GET {url}"))?.text().await.about(format_args!("GET {url}"))
    }

    pub async fn post(&self, url: &str, token: &str, key: &str, body: &str) -> Result<Answer, Failure> {
        self.send(Method::POST, url, token, key, body).await
    }

    pub async fn put(&self, url: &str, token: &str, key: &str, body: &str) -> Result<Answer, Failure> {
        self.send(Method::PUT, url, token, key, body).await
    }

    /// Sends JSON, again if there is no answer or a passing one: its key makes that the same request.
    async fn send(
        &self,
        method: Method,
        url: &str,
        token: &str,
        key: &str,
        body: &str,
    ) -> Result<Answer, Failure> {
        let mut retries = RETRIES;
        loop {
            let sent = self
                .client
                .request(method.clone(), url)
                .bearer_auth(token)
                .header("Idempotency-Key", key)
                .header("Content-Type", "application/json")
                .body(body.to_owned())
                .send()
                .await;
            let is_passing = match &sent {
                Ok(answer) => PASSING.contains(&answer.status().as_u16()),
                Err(error) => error.is_connect() || error.is_timeout(),
            };
            if !is_passing || retries == 0 {
                let answer = sent.about(format_args!("{method} {url}"))?;
                let status = answer.status().as_u16();
                return Ok(Answer { status, body: answer.text().await.unwrap_or_default() });
            }
            retries -= 1;
            tokio::time::sleep(BEFORE_RETRY).await;
        }
    }
}
