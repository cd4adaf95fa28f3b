//! Tokens in a query string, where they end up in logs, histories and the addresses that other servers are told.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// What tokens of our own begin with that are no JWTs: API keys, and tokens that others are got with.
const PREFIXES: [&str; 2] = ["dbk_", "drt_"];

/// Whether the query string has a token: a member that is named as one (RFC 6750, section 2.3), or anything that has
/// the form of one, good or not.
pub fn is_in(query: &str) -> bool {
    is_beside("", query)
}

/// The same where another issuer sends people back to: a code of its own may have the form of a token.
pub fn is_beside_code(query: &str) -> bool {
    is_beside("code", query)
}

/// Looks at all values but that of `code`, if it is not empty.
fn is_beside(code: &str, query: &str) -> bool {
    // A name that is written without a value may be the token itself.
    !query.is_empty()
        && form_urlencoded::parse(query.as_bytes()).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("access_token")
                || is_token(&name)
                || (is_token(&value) && (code.is_empty() || name != code))
        })
}

fn is_token(text: &str) -> bool {
    let text = text.trim();
    let text = match text.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim_start(),
        _ => text,
    };
    let is_ours = |prefix: &&str| {
        let (start, rest) = text.split_at_checked(prefix.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(prefix) && !rest.is_empty()
    };
    PREFIXES.iter().any(is_ours) || is_jwt(text)
}

/// Three parts, or five if it is encrypted, of which the first is an object (RFC 7515, RFC 7516).
fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let Some(head) = parts.next().filter(|head| !head.is_empty()) else { return false };
    let is_base64 =
        |part: &str| part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'='));
    let (mut count, mut all_fit) = (1, true);
    for part in parts {
        (count, all_fit) = (count + 1, all_fit && is_base64(part));
    }
    let decoded = || URL_SAFE_NO_PAD.decode(head.trim_end_matches('=')).ok();
    matches!(count, 3 | 5)
        && all_fit
        && decoded().is_some_and(|head| serde_json::from_slice::<Map<String, Value>>(&head).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// {"alg":"none"}
    const HEAD: &str = "eyJhbGciOiJub25lIn0";

    #[test]
    fn a_token_is_found_under_any_name_and_however_it_is_written() {
        for query in [
            "access_token".to_owned(),
            "a=1&Access_Token=".into(),
            "%41ccess%5ftoken=x".into(),
            "+access_token+=x".into(),
            format!("q={HEAD}.e30.x"),
            format!("q={HEAD}.."),
            format!("q={HEAD}%2Ee30%2Ex"),
            format!("q=bearer%20{HEAD}.e30.x"),
            format!("q={HEAD}.a.b.c.d"),
            format!("{HEAD}.e30.x"),
            "q=dbk_x".into(),
            "q=DRT_x".into(),
        ] {
            assert!(is_in(&query), "{query}");
        }
    }

    /// Catches: an issuer whose codes are encrypted tokens, and a token that is let in as anything else.
    #[test]
    fn the_code_of_another_issuer_may_look_like_a_token() {
        let code = format!("code={HEAD}.a.b.c.d&state=x");
        assert!(is_in(&code) && !is_beside_code(&code));
        for query in [format!("state={HEAD}.e30.x"), format!("code=x&{HEAD}.e30.x"), "access_token=x".into()]
        {
            assert!(is_beside_code(&query), "{query}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        for query in [
            String::new(),
            "limit=1&after=2".into(),
            "q=access_token".into(),
            "q=1.2.3".into(),
            "q=dbk_".into(),
            "q=dbk".into(),
            "as_of=2030-01-31T12:00:00.25Z".into(),
            format!("q={HEAD}.e30"),
            format!("q={HEAD}.e30.x.y"),
            format!("q={HEAD}.e 30.x"),
            "q=äöü.b.c".into(),
        ] {
            assert!(!is_in(&query), "{query}");
        }
    }
}
