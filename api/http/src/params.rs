//! Query strings.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_core::reads::{Part, Turn};
use daybook_domain::Position;
use daybook_projections::Moment;
use serde::{Deserialize, de::DeserializeOwned};
use serde_path_to_error::Segment;
use url::form_urlencoded;
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use super::{brief::cut, problem::Problem};

/// The longest name of a parameter that is repeated in an answer, in characters.
const LONGEST_NAME: usize = 64;
/// How many mistakes of a query string are told.
const MOST_MISTAKES: usize = 10;

/// A page of a history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageOfHistory {
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    after: Option<String>,
    /// `prev` of the page behind. It excludes `after`.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    before: Option<String>,
}

impl From<PageOfHistory> for Part {
    fn from(page: PageOfHistory) -> Self {
        let turn = Turn { after: page.after, before: page.before };
        Self { limit: page.limit.get(), turn }
    }
}

/// When a thing is to be shown; today, if nothing is said.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AsOfParameters")]
pub struct AsOf(pub Option<Moment>);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOfParameters {
    /// Show it as it was at this time (RFC 3339): what was recorded then or before. A time with no more than three
    /// digits behind its seconds is the end of its millisecond. A plus sign is written `%2B`. For a time in the future it is
    /// shown as it is now. The answer is 404 if there was nothing yet.
    #[param(value_type = Option<DateTime<Utc>>)]
    as_of: Option<UpTo>,
    /// Show it as it was when the log had come to this position, such as a `Daybook-Position`. The answer is 400 if
    /// the log has not come to it yet.
    #[param(value_type = Option<i64>, minimum = 0)]
    as_of_position: Option<Place>,
}

impl TryFrom<AsOfParameters> for AsOf {
    type Error = &'static str;

    fn try_from(given: AsOfParameters) -> Result<Self, Self::Error> {
        match (given.as_of, given.as_of_position) {
            (None, None) => Ok(Self(None)),
            (Some(UpTo(time)), None) => Ok(Self(Some(Moment::Time(time)))),
            (None, Some(Place(position))) => Ok(Self(Some(Moment::Position(position)))),
            (Some(_), Some(_)) => Err("as_of and as_of_position exclude each other"),
        }
    }
}

impl IntoParams for AsOf {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        AsOfParameters::into_params(place)
    }
}

/// The query string as a `T`, or all that is wrong with it. What is wrong with a parameter is told as its name and what
/// it may be, which only its type knows.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    read(text).map_err(|first| {
        // The library stops at a mistake. It is asked again without the parameter in which it is.
        let mut pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        let mut mistakes = vec![first];
        while let Some(name) = mistakes.last().and_then(|mistake| mistake.parameter.clone()) {
            pairs.retain(|(other, _)| *other != name);
            let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            match read::<T>(&rest) {
                Err(next) if mistakes.len() < MOST_MISTAKES => mistakes.push(next),
                _ => break,
            }
        }
        let is_unknown = mistakes.iter().all(|mistake| mistake.is_unknown);
        let details: Vec<String> = mistakes.into_iter().map(|mistake| mistake.detail).collect();
        let details = details.join("; ");
        if is_unknown { Problem::unknown_parameter(details) } else { Problem::malformed(details) }
    })
}

/// What is wrong with a query string.
struct Mistake {
    /// Where it is, if it is in one parameter.
    parameter: Option<String>,
    is_unknown: bool,
    detail: String,
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Mistake> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let message = error.inner().to_string();
        if let Some(unknown) = message.strip_prefix("unknown field `") {
            let (name, detail) = unknown_parameter(unknown);
            return Mistake { parameter: Some(name.to_owned()), is_unknown: true, detail };
        }
        let mistake =
            |name: &str, detail| Mistake { parameter: Some(name.to_owned()), is_unknown: false, detail };
        if let Some(twice) = message.strip_prefix("duplicate field `") {
            let name = twice.trim_end_matches('`');
            return mistake(name, format!("{name} is given more than once"));
        }
        match error.path().iter().next() {
            Some(Segment::Map { key }) => {
                // An enum's own complaint ends with its variants.
                let may_be = message.rsplit_once(", expected ").map_or(&*message, |(_, variants)| variants);
                mistake(key, format!("{key} is {may_be}"))
            }
            _ => Mistake { parameter: None, is_unknown: false, detail: message },
        }
    })
}

/// `told` is the rest of the library's message: the parameter's name, a quotation mark, and what there is instead.
/// The answer is the name and what to say of it.
fn unknown_parameter(told: &str) -> (&str, String) {
    let (name, known) = told.rsplit_once("`, expected ").unwrap_or((told, ""));
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let name = name.strip_suffix("`, there are no fields").unwrap_or(name);
    let short = cut(name, LONGEST_NAME);
    let detail = match known.as_slice() {
        [] => format!("there is no parameter {short} here, nor any other"),
        [only] => format!("there is no parameter {short} here; there is {only}"),
        known => format!("there is no parameter {short} here; there are {}", known.join(", ")),
    };
    (name, detail)
}

/// How many rows a page has.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
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

impl TryFrom<String> for Limit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number| (1..=100).contains(number));
        number.map(Self).ok_or("1 to 100")
    }
}

/// A place in the log, such as a `Daybook-Position`.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Place(pub Position);

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number| *number >= 0);
        number.map(|number| Self(Position(number))).ok_or("a position: 0 or more")
    }
}

/// A time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Time(pub DateTime<Utc>);

impl TryFrom<String> for Time {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let Ok(time) = DateTime::parse_from_rfc3339(&text) else {
            // In a query string, a plus sign is a space.
            let was_meant = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).is_ok();
            return Err(if text.contains(' ') && was_meant {
                "a time of RFC 3339, such as 2030-01-31T12:00:00%2B02:00: the plus sign is written %2B"
            } else {
                "a time of RFC 3339, such as 2030-01-31T12:00:00Z"
            });
        };
        Ok(Self(time.to_utc()))
    }
}

/// A time that stands for all that was recorded up to it. Many programs cut times to milliseconds, and events are
/// recorded in microseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct UpTo(DateTime<Utc>);

impl TryFrom<String> for UpTo {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let rest = if digits <= 3 { TimeDelta::microseconds(999) } else { TimeDelta::zero() };
        let Time(time) = text.try_into()?;
        Ok(Self(time.checked_add_signed(rest).unwrap_or(DateTime::<Utc>::MAX_UTC)))
    }
}

/// Yes or no; no, if nothing is said.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Flag(pub bool);

impl TryFrom<String> for Flag {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "true or false")
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
        after: Option<Place>,
        #[serde(default)]
        all: Flag,
        colour: Option<Colour>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        DeepRed,
        Green,
        Blue,
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_refused_with_its_own_code() {
        assert_eq!(query::<Page>("").expect("valid").limit.get(), 20);
        assert_eq!(query::<Page>("limit=100").expect("valid").limit.get(), 100);
        for (bad, expected) in [
            ("page=2", "there is no parameter page here; there are limit, after, all, colour"),
            (
                "%60%2C+expected+%60x=2",
                "there is no parameter `, expected `x here; there are limit, after, all, colour",
            ),
        ] {
            let problem = query::<Page>(bad).expect_err("unknown");
            assert_eq!(problem.to_string(), format!("unknown_parameter: {expected}"));
        }
        for bad in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "limit=-1", "limit="] {
            assert_eq!(
                query::<Page>(bad).expect_err("not valid").code().as_str(),
                "malformed_request",
                "{bad}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let told = |text: &str| query::<Page>(text).expect_err("not valid").to_string();
        assert_eq!(
            told("limit=0&after=x&page=2&all=true"),
            "malformed_request: limit is 1 to 100; after is a position: 0 or more; there is no parameter page here; \
             there are limit, after, all, colour"
        );
        assert_eq!(
            told("limit=1&limit=2&all=no"),
            "malformed_request: limit is given more than once; all is true or false"
        );
        let two = told("x=1&y=1");
        assert!(
            two.starts_with("unknown_parameter: ") && two.contains(" x ") && two.contains(" y "),
            "{two}"
        );
        let many = (0..1_000).map(|number| format!("x{number}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(told(&many).matches("there is no parameter").count(), MOST_MISTAKES);
    }

    #[test]
    fn a_bad_parameter_is_named_with_what_it_may_be() {
        let page = query::<Page>("limit=7&after=3&all=true&colour=deep_red").expect("valid");
        let read = (page.limit.get(), page.after.map(|place| place.0), page.all.0, page.colour);
        assert_eq!(read, (7, Some(Position(3)), true, Some(Colour::DeepRed)));
        let limit = "limit is 1 to 100";
        let after = "after is a position: 0 or more";
        let flag = "all is true or false";
        let colour = "colour is one of `deep_red`, `green`, `blue`";
        for (bad, expected) in [
            ("limit=x", limit),
            ("limit=", limit),
            ("limit=0", limit),
            ("limit=101", limit),
            ("limit=1.5", limit),
            ("limit=99999999999999999999", limit),
            ("after=x", after),
            ("after=-1", after),
            ("after=99999999999999999999", after),
            ("all=yes", flag),
            ("all=", flag),
            ("colour=Red", colour),
            ("colour=", colour),
            ("colour=x, expected y", colour),
            ("limit=7&all=1", flag),
            ("limit=1&limit=2", "limit is given more than once"),
        ] {
            let problem = query::<Page>(bad).expect_err("not valid");
            assert_eq!(problem.to_string(), format!("malformed_request: {expected}"), "{bad}");
        }
        let as_of = |text: &str| query::<AsOf>(text).expect_err("not valid").to_string();
        let time = "malformed_request: as_of is a time of RFC 3339, such as 2030-01-31T12:00:00Z";
        assert_eq!(as_of("as_of=yesterday"), time);
        assert_eq!(as_of("as_of_position=x"), "malformed_request: as_of_position is a position: 0 or more");
        let both = as_of("as_of=2026-01-31T12:00:00Z&as_of_position=1");
        assert_eq!(both, "malformed_request: as_of and as_of_position exclude each other");
    }

    #[test]
    fn a_moment_is_a_time_or_a_position() {
        let moment =
            |text: &str| query::<AsOf>(text).map(|as_of| as_of.0).map_err(|problem| problem.code().as_str());
        assert_eq!(moment(""), Ok(None));
        assert_eq!(moment("as_of_position=0"), Ok(Some(Moment::Position(Position(0)))));
        let noon = Moment::Time(DateTime::from_timestamp(1_769_860_800, 250_999_000).expect("a time"));
        for same in
            ["2026-01-31T12:00:00.25Z", "2026-01-31T14:00:00.25%2B02:00", "2026-01-31T12:00:00.250999Z"]
        {
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
