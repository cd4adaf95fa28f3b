//! The keys of another issuer, fetched from the one configured address at a steady pace. Nothing that
//! a caller sends makes a request leave this process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use serde::Deserialize;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    keys::{Jwk, KeySet},
    token::Verifier,
};

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const REFRESH_EVERY: Duration = Duration::from_secs(30);
/// The pause after a failed fetch.
const RETRY_EVERY: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 100;

#[derive(Deserialize)]
struct Answer {
    /// Unread at first: keys of other kinds may have other members.
    keys: Vec<serde_json::Value>,
}

/// Keeps the verifier's keys those of `url` and `own`.
pub struct FollowingIssuer {
    pub url: String,
    pub own: Option<Jwk>,
    pub verifier: Arc<Verifier>,
}

#[async_trait]
impl Worker for FollowingIssuer {
    fn about(&self) -> About {
        let description =
            "Fetches the keys of the other issuer, so that its tokens are known and withdrawn keys are not.";
        About::new("issuer", description, When::every(REFRESH_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(RETRY_EVERY, RETRY_EVERY));
        while !duty.is_over() {
            let fetched = rounds.attempt(fetch(&self.url), |problem| {
                warn!(problem, "cannot fetch the issuer's keys; the known ones stay in use");
            });
            let Some(Some(mut keys)) = duty.or_over(fetched).await else { continue };
            info!(keys = keys.len(), "fetched the issuer's keys");
            keys.extend(self.own.clone());
            self.verifier.replace_keys(KeySet::new(&keys));
            rounds.went_well();
            duty.or_over(sleep(REFRESH_EVERY)).await;
        }
    }
}

async fn fetch(url: &str) -> Result<Vec<Jwk>, String> {
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
    let keys = answer.keys.into_iter().take(MAX_KEYS);
    Ok(keys.filter_map(|key| serde_json::from_value(key).ok()).collect())
}
