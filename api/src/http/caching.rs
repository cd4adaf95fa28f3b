//! For how long answers may be kept outside, and by whom.

use actix_web::http::header::{self, HeaderName, HeaderValue};

pub const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
/// For what everyone may see: short, because a price is among it.
pub const PUBLIC: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=10"));
