//! Query strings, and the conditions of a query.

use std::{
    future::{Ready, ready},
    time::Instant,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use daybook_domain::Position;
use daybook_projections::Asked;
use serde::{Deserialize, de::DeserializeOwned};

use super::{answer, context, problem::Problem};

/// What a handler of a query gets. `T` denies unknown fields.
pub struct Params<T> {
    pub params: T,
    min_position: Option<Position>,
    deadline: Instant,
}

impl<T> Params<T> {
    /// As a question to a read model; `view` names what is made of the rows.
    pub fn asked(&self, view: &'static str) -> Asked {
        Asked { min_position: self.min_position, deadline: self.deadline, view }
    }
}

/// A query without parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request))
    }
}

fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<Params<T>, Problem> {
    answer::check_acceptable(request, &["application/json"])?;
    Ok(Params {
        params: query(request.query_string())?,
        min_position: context::min_position(request.headers())?,
        deadline: context::of(request).deadline,
    })
}

/// The query string as a `T`.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    web::Query::<T>::from_query(text).map(web::Query::into_inner).map_err(|error| {
        let message = error.to_string();
        let detail = message.strip_prefix("Query deserialize error: ").unwrap_or(&message).to_owned();
        if detail.starts_with("unknown field ") {
            Problem::unknown_parameter(detail)
        } else {
            Problem::malformed(detail)
        }
    })
}

/// How many rows a page has: 1–100.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub struct Limit(u16);

impl Limit {
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<u16> for Limit {
    type Error = &'static str;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        if (1..=100).contains(&number) { Ok(Self(number)) } else { Err("limit is 1 to 100") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        #[serde(default)]
        limit: Limit,
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_refused_with_its_own_code() {
        assert_eq!(query::<Page>("").expect("valid").limit.get(), 20);
        assert_eq!(query::<Page>("limit=100").expect("valid").limit.get(), 100);
        assert_eq!(query::<Page>("colour=red").expect_err("unknown").code(), "unknown_parameter");
        for bad in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "limit=-1", "limit="] {
            assert_eq!(query::<Page>(bad).expect_err("not valid").code(), "malformed_request", "{bad}");
        }
    }
}
