//! How long caches on the way may keep an answer, and which caches may.

use actix_web::http::header::{self, HeaderName, HeaderValue};

pub const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
/// The header for answers that everyone may see. The time is short, because they have prices.
pub const PUBLIC: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=10"));
