//! The caller of a request, as its token says. The token was checked before the handler was reached.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use daybook_domain::policy::{Action, Actor, Denied, authorize};

use crate::http::{context, problem::Problem};

/// Somebody with a valid token. As an `Option`: perhaps nobody.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Actor>);

/// What stands in `Authorization`, if it is a bearer token. More than one, or another scheme, is as good
/// as a bad token.
pub fn presented_token(headers: &header::HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) {
            Err(Problem::unauthenticated())
        } else {
            Ok(None)
        };
    };
    let text = value.to_str().map_err(|_| Problem::unauthenticated())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::unauthenticated()),
    }
}

impl Caller {
    /// Refuses what the policy refuses.
    pub fn authorize(&self, action: Action, owner: Option<&str>) -> Result<(), Problem> {
        authorize(&self.0, action, owner).map_err(|denied| match denied {
            Denied::Forbidden => Problem::forbidden(action.rule().name),
            Denied::Hidden => Problem::not_found(),
        })
    }

    pub fn may(&self, action: Action) -> bool {
        authorize(&self.0, action, None).is_ok()
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let actor = context::of(request).actor.clone();
        ready(actor.map(Self).ok_or_else(Problem::unauthenticated))
    }
}
