//! Decides whether a request is let in: there must be room for it, its token must be valid, and its caller must
//! not ask too often.

use std::{net::IpAddr, sync::Arc};

use actix_web::dev::ServiceRequest;
use daybook_core::{
    admission::{self, Unidentified},
    app::App,
    identity::parties::ANSWERS,
    limits::Budget,
    metrics::TurnedAway,
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
    let query = request.query_string();
    let is_answer = request.path().starts_with(ANSWERS);
    let has_token = if is_answer { stray_token::is_beside_code(query) } else { stray_token::is_in(query) };
    if !has_token {
        return Ok(());
    }
    app.rates.invalid_token(address).inspect_err(|_| TurnedAway::RateLimited.count())?;
    Err(Problem::invalid_token())
}

/// Lets a request from `address` in, as the `in_flight`-th. A token that is not valid is refused even where none is
/// needed, because its sender believes that it says who they are.
pub async fn admit(
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
    identify(app, request, address).await.inspect_err(|problem| {
        if problem.code().kind() == Kind::TooOften {
            TurnedAway::RateLimited.count();
        }
    })
}

async fn identify(app: &App, request: &ServiceRequest, address: IpAddr) -> Result<Admitted, Problem> {
    let Some(token) = presented_token(request.headers())? else {
        return Ok(Admitted { actor: None, budget: Some(app.rates.address(address)?) });
    };
    let (actor, budget) = admission::identify(app, token, address).await.map_err(|why| match why {
        Unidentified::Refused(refused) => Problem::from(refused),
        Unidentified::TooOften(exceeded) => Problem::from(exceeded),
        Unidentified::Unknown => Problem::unavailable(),
    })?;
    Ok(Admitted { actor: Some(actor), budget: Some(budget) })
}
