//! Query strings, and the conditions of a query.

use std::{
    future::{Ready, ready},
    time::Instant,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use chrono::DateTime;
use daybook_domain::Position;
use daybook_projections::{Asked, Moment};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

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
        Asked { min_position: self.min_position, deadline: self.deadline, view, as_of: None }
    }
}

impl Params<AsOf> {
    /// The same of a thing, at the moment that the caller names.
    pub fn asked_of_item(&self, view: &'static str) -> Asked {
        Asked { as_of: self.params.0, ..self.asked(view) }
    }
}

/// A query without parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// When a thing is to be shown; today, if nothing is said.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AsOfParameters")]
pub struct AsOf(pub Option<Moment>);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOfParameters {
    /// As it was at this time, RFC 3339: what was recorded then or before. Of a time that is still to come:
    /// as it is now. 404 if there was nothing yet.
    #[param(value_type = Option<DateTime<Utc>>)]
    as_of: Option<String>,
    /// As it was when the log had come to this position, such as a `Daybook-Position`. One that the log has
    /// not come to is 400.
    #[param(minimum = 0)]
    as_of_position: Option<i64>,
}

impl TryFrom<AsOfParameters> for AsOf {
    type Error = &'static str;

    fn try_from(given: AsOfParameters) -> Result<Self, Self::Error> {
        let moment = match (given.as_of, given.as_of_position) {
            (None, None) => None,
            (Some(text), None) => {
                let time = DateTime::parse_from_rfc3339(&text);
                let time = time.map_err(|_| "as_of is a time of RFC 3339, such as 2030-01-31T12:00:00Z")?;
                Some(Moment::Time(time.to_utc()))
            }
            (None, Some(position @ 0..)) => Some(Moment::Position(Position(position))),
            (None, Some(_)) => return Err("as_of_position is a position: 0 or more"),
            (Some(_), Some(_)) => return Err("as_of and as_of_position exclude each other"),
        };
        Ok(Self(moment))
    }
}

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

    #[test]
    fn a_moment_is_a_time_or_a_position() {
        let moment = |text: &str| query::<AsOf>(text).map(|as_of| as_of.0).map_err(|problem| problem.code());
        assert_eq!(moment(""), Ok(None));
        assert_eq!(moment("as_of_position=0"), Ok(Some(Moment::Position(Position(0)))));
        let noon = Moment::Time(DateTime::from_timestamp(1_769_860_800, 250_000_000).expect("a time"));
        for same in ["2026-01-31T12:00:00.25Z", "2026-01-31T14:00:00.25%2B02:00"] {
            assert_eq!(moment(&format!("as_of={same}")), Ok(Some(noon)), "{same}");
        }
        for bad in [
            "as_of=",
            "as_of=yesterday",
            "as_of=2026-01-31",
            "as_of=2026-01-31T12:00:00",
            "as_of=1769860800",
            "as_of_position=",
            "as_of_position=-1",
            "as_of_position=1.5",
            "as_of_position=99999999999999999999",
            "as_of_position=1&as_of_position=2",
            "as_of=2026-01-31T12:00:00Z&as_of_position=1",
        ] {
            assert_eq!(moment(bad), Err("malformed_request"), "{bad}");
        }
        assert_eq!(moment("as_of_version=1"), Err("unknown_parameter"));
    }
}
