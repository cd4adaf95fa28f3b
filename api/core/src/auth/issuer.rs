//! The keys of another issuer, fetched from the one configured address at a steady pace. Nothing that
//! a caller sends makes a request leave this process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    jwks,
    keys::{Jwk, KeySet},
    token::Verifier,
};

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses after failed fetches: an issuer that starts together with us is there soon.
const PAUSES: Pauses = Pauses::new(Duration::from_secs(1), Duration::from_secs(15));
const MAX_ANSWER_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct Answer {
    /// Unread at first: keys of other kinds may have other members.
    keys: Vec<Value>,
}

/// Keeps the verifier's keys those of `url` and `own`.
pub struct FollowingIssuer {
    pub url: String,
    pub own: Option<Jwk>,
    /// How often they are fetched.
    pub interval: Duration,
    pub verifier: Arc<Verifier>,
}

#[async_trait]
impl Worker for FollowingIssuer {
    fn about(&self) -> About {
        let description =
            "Fetches the keys of the other issuer, so that its tokens are known and withdrawn keys are not.";
        About::new("issuer", description, When::every(self.interval))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let fetched = rounds.attempt(fetch(&self.url), |problem| {
                warn!(problem, "cannot fetch the issuer's keys; the known ones stay in use");
            });
            let Some(Some(published)) = duty.or_over(fetched).await else { continue };
            let usable = jwks::usable(&published);
            info!(published = published.len(), usable = usable.len(), "fetched the issuer's keys");
            self.verifier.replace_keys(KeySet::new(&self.own).with_outside(usable));
            rounds.went_well();
            duty.or_over(sleep(self.interval)).await;
        }
    }
}

async fn fetch(url: &str) -> Result<Vec<Value>, String> {
    let client = reqwest::Client::builder()
        .timeout(FETCH_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.to_string())?;
    let sent = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut response = sent.map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err("the answer is too large".into());
        }
        body.extend_from_slice(&chunk);
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    Ok(answer.keys)
}
