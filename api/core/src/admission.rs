//! Who calls: the one way from a token that came in, through whichever interface, to its owner.

use std::{net::IpAddr, sync::Arc};

use daybook_domain::policy::Actor;

use crate::{
    app::App,
    auth::{Refused, token::Presented},
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
pub fn identify(app: &App, token: &str, address: IpAddr) -> Result<(Arc<Actor>, Budget), Unidentified> {
    if !app.verifier.freshness().is_fresh() {
        TurnedAway::RevocationsUnread.count();
        return Err(Unidentified::Unknown);
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
