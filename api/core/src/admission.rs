//! Who calls: the one way from a token that came in, through whichever interface, to its owner.

use std::{net::IpAddr, sync::Arc};

use daybook_domain::policy::Actor;
use tracing::warn;

use crate::{
    app::App,
    auth::{
        Refused,
        token::{Presented, Standing},
    },
    identity::api_keys,
    limits::{Budget, Exceeded},
    metrics::{self, TurnedAway},
};

/// Why a token doesn't let its bearer in.
#[derive(Debug)]
pub enum Unidentified {
    Refused(Refused),
    /// Its owner asks too often, or too many bad tokens come from that address.
    TooOften(Exceeded),
    /// It can't be known now whether a token was revoked.
    Unknown,
}

impl From<Exceeded> for Unidentified {
    fn from(exceeded: Exceeded) -> Self {
        Self::TooOften(exceeded)
    }
}

/// The owner of a token that came from `address`, and what is left of the requests that they may make.
pub async fn identify(app: &App, token: &str, address: IpAddr) -> Result<(Arc<Actor>, Budget), Unidentified> {
    if !app.verifier.freshness().is_fresh() {
        TurnedAway::RevocationsUnread.count();
        return Err(Unidentified::Unknown);
    }
    if api_keys::is_key(token) {
        return identify_key(app, token, address).await;
    }
    let presented = Presented::new(token);
    let actor = match app.verifier.remembered(&presented) {
        Some(actor) => actor,
        // A bad token costs its check, which is about as much as any answer; if it were not looked at, a good one that
        // comes from the same address could not be told from it.
        None => app.verifier.verify(&presented).or_else(|refused| {
            metrics::TOKENS_REFUSED.with_label_values(&[&refused.to_string()]).inc();
            app.rates.invalid_token(address)?;
            Err(Unidentified::Refused(refused))
        })?,
    };
    let budget = app.rates.subject(&actor.subject)?;
    Ok((actor, budget))
}

/// The same for an API key, which has a budget of its own.
async fn identify_key(app: &App, key: &str, address: IpAddr) -> Result<(Arc<Actor>, Budget), Unidentified> {
    let owner = app.identity.keys.owner(key, app.clock.now()).await.map_err(|error| {
        warn!(%error, "an API key can't be looked up");
        Unidentified::Unknown
    })?;
    let Some((actor, id)) = owner else {
        metrics::TOKENS_REFUSED.with_label_values(&["unknown_api_key"]).inc();
        app.rates.invalid_token(address)?;
        return Err(Unidentified::Refused(Refused::UnknownKey));
    };
    let budget = app.rates.subject(&format!("key/{id}"))?;
    Ok((actor, budget))
}

/// How a token or an API key is doing that something was begun with, which goes on for longer than a request.
pub async fn standing(app: &App, token: &str) -> Standing {
    if !api_keys::is_key(token) {
        return app.verifier.standing(&Presented::new(token));
    }
    if !app.verifier.freshness().is_fresh() {
        return Standing::Unknown;
    }
    match app.identity.keys.owner(token, app.clock.now()).await {
        Ok(Some(_)) => Standing::Good,
        Ok(None) => Standing::Ended,
        Err(_) => Standing::Unknown,
    }
}
