//! Decides whether a request is let in: there must be room for it, its token must be valid, and its caller must
//! not ask too often.

use std::{net::IpAddr, sync::Arc};

use actix_web::dev::ServiceRequest;
use daybook_core::{
    app::App,
    auth::token::Presented,
    limits::Budget,
    metrics::{self, TurnedAway},
};
use daybook_domain::{code::Kind, policy::Actor};

use super::{caller::presented_token, problem::Problem};

/// What is known of a request that was let in.
pub struct Admitted {
    pub actor: Option<Arc<Actor>>,
    /// `None`: not counted.
    pub budget: Option<Budget>,
}

/// Lets a request in, as the `in_flight`-th. A token that is not valid is refused even where none is
/// needed, because its sender believes that it says who they are.
pub fn admit(app: &App, request: &ServiceRequest, in_flight: usize) -> Result<Admitted, Problem> {
    if app.traffic.is_draining() {
        TurnedAway::Draining.count();
        return Err(Problem::unavailable());
    }
    if in_flight > app.limits.max_in_flight {
        TurnedAway::Overloaded.count();
        return Err(Problem::overloaded());
    }
    identify(app, request).inspect_err(|problem| {
        if problem.code().kind() == Kind::TooOften {
            TurnedAway::RateLimited.count();
        }
    })
}

fn identify(app: &App, request: &ServiceRequest) -> Result<Admitted, Problem> {
    let address = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
    if has_token_in_query(request.query_string()) {
        app.rates.invalid_token(address)?;
        return Err(Problem::invalid_token());
    }
    let Some(token) = presented_token(request.headers())? else {
        return Ok(Admitted { actor: None, budget: Some(app.rates.address(address)?) });
    };
    let presented = Presented::new(token);
    let actor = match app.verifier.remembered(&presented) {
        Some(actor) => actor,
        None => {
            app.rates.may_present(address)?;
            match app.verifier.verify(&presented) {
                Ok(actor) => actor,
                Err(refused) => {
                    metrics::TOKENS_REFUSED.with_label_values(&[&refused.to_string()]).inc();
                    app.rates.invalid_token(address)?;
                    return Err(refused.into());
                }
            }
        }
    };
    let budget = Some(app.rates.subject(&actor.subject)?);
    Ok(Admitted { actor: Some(actor), budget })
}

/// RFC 6750 knows it, and it ends up in logs and histories: never.
fn has_token_in_query(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}
