//! Which form of an answer a client likes best (RFC 9110, section 12.5.1), and which one it has already
//! (section 13.1.2), as the framework's typed headers say.

use actix_web::{
    HttpRequest,
    http::header::{self, Accept, Header, IfNoneMatch, Quality, QualityItem},
};

use super::{compression, problem::Problem};

/// The one of `offered` that the client likes best; of equals the first. Fails if `Accept` leaves none over.
pub fn preferred(request: &HttpRequest, offered: &'static [&'static str]) -> Result<&'static str, Problem> {
    let usual = offered.first().copied().ok_or_else(Problem::not_acceptable)?;
    let Some(first) = request.headers().get(header::ACCEPT) else { return Ok(usual) };
    if first == "*/*" {
        return Ok(usual);
    }
    let accept =
        Accept::parse(request).map_err(|_| Problem::malformed("Accept is a list of media ranges"))?;
    if accept.is_empty() {
        return Ok(usual);
    }
    let liked = offered.iter().map(|offer| (*offer, quality(&accept, offer)));
    let best = liked.filter(|(_, quality)| *quality > Quality::ZERO).fold(None, |best, next| match best {
        Some((_, quality)) if quality >= next.1 => best,
        _ => Some(next),
    });
    best.map(|(offer, _)| offer).ok_or_else(Problem::not_acceptable)
}

/// How much the client likes it: the most exact range decides.
fn quality(accept: &Accept, offer: &str) -> Quality {
    let matching = accept.iter().filter_map(|range| Some((exactness(range, offer)?, range.quality)));
    matching.max_by_key(|(exactness, _)| *exactness).map_or(Quality::ZERO, |(_, quality)| quality)
}

fn exactness<T: AsRef<str>>(range: &QualityItem<T>, offer: &str) -> Option<u8> {
    let (kind, _) = offer.split_once('/')?;
    let essence = range.item.as_ref().split(';').next()?.trim();
    match essence.split_once('/')? {
        _ if essence.eq_ignore_ascii_case(offer) => Some(2),
        (range, "*") if range.eq_ignore_ascii_case(kind) => Some(1),
        ("*", "*") => Some(0),
        _ => None,
    }
}

/// Whether the client has what this entity tag names, compressed or not, so that 304 will do.
pub fn has_it_already(request: &HttpRequest, tag: &str) -> bool {
    if !request.headers().contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    let ours = tag.trim_matches('"');
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| compression::plain(known.tag()) == ours),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn choice(accept: &str) -> Option<&'static str> {
        let request = TestRequest::get().insert_header((header::ACCEPT, accept)).to_http_request();
        preferred(&request, &["application/json", "application/x-ndjson"]).ok()
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        assert_eq!(choice("*/*"), Some("application/json"));
        assert_eq!(choice("application/*"), Some("application/json"));
        assert_eq!(choice("application/x-ndjson"), Some("application/x-ndjson"));
        assert_eq!(choice("application/json;q=0.5, application/x-ndjson"), Some("application/x-ndjson"));
        assert_eq!(choice("text/html, */*;q=0.1"), Some("application/json"));
        assert_eq!(choice("application/json;q=0, */*"), Some("application/x-ndjson"));
        assert_eq!(choice("text/html"), None);
        assert_eq!(preferred(&TestRequest::get().to_http_request(), &["a/b"]).ok(), Some("a/b"));
    }

    #[test]
    fn a_known_etag_is_recognised_among_others() {
        let knows = |tags: &str| {
            let request = TestRequest::get().insert_header((header::IF_NONE_MATCH, tags)).to_http_request();
            has_it_already(&request, "\"7\"")
        };
        assert!(
            knows("\"7\"") && knows("W/\"7\"") && knows("\"6\", \"7\"") && knows("*") && knows("\"7-gzip\"")
        );
        assert!(!knows("\"6\"") && !knows("7") && !knows("\"7-deflate\""));
    }
}
