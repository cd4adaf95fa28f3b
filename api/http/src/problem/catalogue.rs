//! Every code that a problem may have, and the status that HTTP has for it.

use actix_web::http::StatusCode;
use daybook_domain::{
    code::{Code, Kind},
    rooms::ROOMS,
};

pub use daybook_commands::codes::CommandCode;
pub use daybook_projections::codes::DownstreamCode;

use daybook_core::identity::codes::IdentityCode;

use crate::codes::HttpCode;

/// The codes of all rooms.
pub fn catalogue() -> impl Iterator<Item = Code> {
    let others = [CommandCode::CODES, DownstreamCode::CODES, IdentityCode::CODES, HttpCode::CODES];
    ROOMS.iter().copied().chain(others).flatten().copied()
}

/// The code of this name.
pub fn find(name: &str) -> Option<Code> {
    catalogue().find(|code| code.as_str() == name)
}

pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NoSuchForm => StatusCode::NOT_ACCEPTABLE,
        Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Kind::UnreadableForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
    }
}
