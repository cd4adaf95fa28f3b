//! The token that a request brings.

use actix_web::http::header;

use crate::problem::Problem;

/// The token in `Authorization`, if there is one. More than one, or another scheme than `Bearer`, is treated like
/// a token that is not valid.
pub fn presented_token(headers: &header::HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) {
            Err(Problem::unauthenticated())
        } else {
            Ok(None)
        };
    };
    // Reads many bytes at a time; `to_str` looks at each. Other letters than those of ASCII are in no valid token.
    let text = str::from_utf8(value.as_bytes()).map_err(|_| Problem::unauthenticated())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::unauthenticated()),
    }
}
