//! How calls end that don't end well, in words that clients of the protocol understand.

use daybook_core::{
    admission::Unidentified,
    limits::Exceeded,
    live::{Broken, Farewell, NoPlace},
    metrics::TurnedAway,
};
use tonic::{Status, metadata::MetadataValue};
use tracing::warn;

/// The protocol's name for what a status alone doesn't say.
const EXCEPTION: &str = "exception";

pub fn access_denied(text: impl Into<String>) -> Status {
    let mut status = Status::permission_denied(text);
    status.metadata_mut().insert(EXCEPTION, MetadataValue::from_static("access-denied"));
    status
}

pub fn unauthenticated() -> Status {
    Status::unauthenticated(
        "this needs a valid token: as the password of any user (Basic), or by itself (Bearer)",
    )
}

/// What comes in can't be answered, because its caller asked for it in a wrong way.
pub fn unclear(text: impl Into<String>) -> Status {
    Status::invalid_argument(text)
}

pub fn overloaded() -> Status {
    TurnedAway::Overloaded.count();
    Status::unavailable("this server has more to do than it can; try again soon")
}

pub fn draining() -> Status {
    Status::unavailable(Farewell::Draining.to_string())
}

/// It can't be known now whether a token was revoked.
fn unknown() -> Status {
    Status::unavailable(Farewell::TokenUnknown.to_string())
}

/// Why is for our own log only.
pub fn unread(error: &sqlx::Error) -> Status {
    warn!(%error, "the log can't be read for a client of the door");
    Status::unavailable("the log can't be read; try again soon")
}

pub fn of_unidentified(why: Unidentified) -> Status {
    match why {
        Unidentified::Refused(_) => unauthenticated(),
        Unidentified::TooOften(exceeded) => too_often(exceeded),
        Unidentified::Unknown => unknown(),
    }
}

pub fn too_often(Exceeded { retry_after_s, .. }: Exceeded) -> Status {
    TurnedAway::RateLimited.count();
    Status::resource_exhausted(format!("too many requests; try again in {retry_after_s} s"))
}

pub fn of_no_place(why: NoPlace) -> Status {
    match why {
        NoPlace::OfSubject => Status::resource_exhausted("this caller has too many streams open"),
        NoPlace::OfProcess => Status::unavailable("this server has too many streams open"),
    }
}

pub fn of_farewell(why: Farewell) -> Status {
    match why {
        Farewell::Draining => draining(),
        Farewell::TokenEnded => Status::unauthenticated(why.to_string()),
        Farewell::TokenUnknown => unknown(),
    }
}

pub fn of_broken(why: Broken) -> Status {
    match why {
        Broken::CutOff => Status::aborted(why.to_string()),
        Broken::Unread => Status::unavailable(why.to_string()),
    }
}
