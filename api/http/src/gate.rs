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

use super::{caller::presented_token, problem::Problem, stray_token};

/// What is known of a request that was let in.
pub struct Admitted {
    pub actor: Option<Arc<Actor>>,
    /// `None`: not counted.
    pub budget: Option<Budget>,
}

/// A token in the query string is refused, whatever else is to be said of the request: also at a probe, at a path that
/// isn't there, and beside a good one in its header.
pub fn refuse_stray_token(app: &App, request: &ServiceRequest, address: IpAddr) -> Result<(), Problem> {
    if !stray_token::is_in(request.query_string()) {
        return Ok(());
    }
    app.rates.invalid_token(address).inspect_err(|_| TurnedAway::RateLimited.count())?;
    Err(Problem::invalid_token())
}

/// Lets a request from `address` in, as the `in_flight`-th. A token that is not valid is refused even where none is
/// needed, because its sender believes that it says who they are.
pub fn admit(
    app: &App,
    request: &ServiceRequest,
    address: IpAddr,
    in_flight: usize,
) -> Result<Admitted, Problem> {
    if app.traffic.is_draining() {
        TurnedAway::Draining.count();
        return Err(Problem::unavailable());
    }
    if in_flight > app.limits.max_in_flight {
        TurnedAway::Overloaded.count();
        return Err(Problem::overloaded());
    }
    identify(app, request, address).inspect_err(|problem| {
        if problem.code().kind() == Kind::TooOften {
            TurnedAway::RateLimited.count();
        }
    })
}

fn identify(app: &App, request: &ServiceRequest, address: IpAddr) -> Result<Admitted, Problem> {
    let Some(token) = presented_token(request.headers())? else {
        return Ok(Admitted { actor: None, budget: Some(app.rates.address(address)?) });
    };
    let presented = Presented::new(token);
    let actor = match app.verifier.remembered(&presented) {
        Some(actor) => actor,
        // A bad token costs its check, which is about as much as any answer; if it were not looked at, a good one that
        // comes from the same address could not be told from it.
        None => app.verifier.verify(&presented).or_else(|refused| {
            metrics::TOKENS_REFUSED.with_label_values(&[&refused.to_string()]).inc();
            app.rates.invalid_token(address)?;
            Err(Problem::from(refused))
        })?,
    };
    let budget = Some(app.rates.subject(&actor.subject)?);
    Ok(Admitted { actor: Some(actor), budget })
}
