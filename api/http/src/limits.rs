//! Rate limits as HTTP tells of them (draft-ietf-httpapi-ratelimit-headers).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use daybook_core::limits::{Budget, Exceeded};

use super::problem::Problem;

pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Tells a caller what is left.
pub fn tell(budget: Budget, headers: &mut HeaderMap) {
    for (name, value) in fields(budget) {
        headers.insert(name, value);
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let problem = Self::rate_limited(exceeded.retry_after_s);
        let told = fields(exceeded.budget).into_iter();
        told.fold(problem, |problem, (name, value)| problem.with(name, value))
    }
}

fn fields(budget: Budget) -> [(HeaderName, HeaderValue); 2] {
    let left = format!("\"{}\";r={}", budget.name, budget.remaining);
    [
        (RATE_LIMIT, left.try_into().expect("ASCII")),
        (RATE_LIMIT_POLICY, HeaderValue::from_maybe_shared(budget.policy).expect("ASCII")),
    ]
}
