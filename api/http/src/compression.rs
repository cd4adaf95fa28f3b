//! Compression (RFC 9110, section 8.4.1) of answers that everyone may see. What only some callers may see is sent as it
//! is, because the length of what is compressed tells something of what is in it.

use std::sync::Arc;

use actix_http::encoding::Encoder;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody, to_bytes},
    http::{
        StatusCode,
        header::{self, AcceptEncoding, ContentEncoding, Encoding, Header},
    },
};
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::{caching::PUBLIC, problem::Problem};

/// Bodies that aren't larger, in bytes, are not worth the work.
const LARGEST_PLAIN: u64 = 1024;
/// Those of the client's liking; if it likes several alike, the first that it names.
const ENCODINGS: [ContentEncoding; 3] =
    [ContentEncoding::Zstd, ContentEncoding::Brotli, ContentEncoding::Gzip];

/// The compressed forms of a body that is sent again and again, which goes with its answers: each is made once.
#[derive(Clone, Default)]
pub struct Forms(Arc<[OnceCell<Bytes>; ENCODINGS.len()]>);

/// The answer as the client likes it best. Each form of it has an entity tag of its own (section 8.8.3).
pub async fn compress(request: &HttpRequest, mut response: HttpResponse) -> Result<HttpResponse, Problem> {
    let Some(liked) = request.headers().get(header::ACCEPT_ENCODING) else { return Ok(response) };
    if liked == "identity" || response.headers().get(header::CACHE_CONTROL) != Some(&PUBLIC.1) {
        return Ok(response);
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        tell_known_tag(request, &mut response);
        return Ok(response);
    }
    let is_large = matches!(response.body().size(), BodySize::Sized(size) if size > LARGEST_PLAIN);
    match liked_encoding(request).filter(|_| is_large) {
        Some(encoding) => encode(response, encoding).await,
        None => Ok(response),
    }
}

/// The entity tag as it is without compression.
pub fn plain(tag: &str) -> &str {
    let suffix =
        tag.rsplit_once('-').filter(|(_, name)| ENCODINGS.iter().any(|known| known.as_str() == *name));
    suffix.map_or(tag, |(plain, _)| plain)
}

fn liked_encoding(request: &HttpRequest) -> Option<ContentEncoding> {
    let ours = ENCODINGS.map(Encoding::Known);
    match AcceptEncoding::parse(request).ok()?.negotiate(ours.iter().chain([&Encoding::identity()])) {
        Some(Encoding::Known(encoding)) if encoding != ContentEncoding::Identity => Some(encoding),
        _ => None,
    }
}

/// The whole body is at hand, so it is sent with its length.
async fn encode(response: HttpResponse, encoding: ContentEncoding) -> Result<HttpResponse, Problem> {
    let forms = response.extensions().get::<Forms>().cloned().unwrap_or_default();
    let form = ENCODINGS.iter().zip(&*forms.0).find(|(known, _)| **known == encoding);
    let (_, form) = form.expect("it is one of ours");
    let (mut response, body) =
        response.map_body(|head, body| Encoder::response(encoding, head, body)).into_parts();
    let body = form.get_or_try_init(|| to_bytes(body)).await.cloned().map_err(|error| {
        tracing::error!(%error, encoding = encoding.as_str(), "an answer could not be compressed");
        Problem::internal()
    })?;
    if let Some(tag) = tag_of(&response).and_then(|tag| encoded(tag, encoding).try_into().ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response.set_body(body).map_into_boxed_body())
}

/// What a client has already is named by the tag that it knows.
fn tell_known_tag(request: &HttpRequest, response: &mut HttpResponse) {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let (Some(known), Some(tag)) = (known, tag_of(response)) else { return };
    let told = ENCODINGS.map(|encoding| encoded(tag, encoding)).into_iter().find(|tag| known.contains(tag));
    if let Some(tag) = told.and_then(|tag| tag.try_into().ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}

fn tag_of<B>(response: &HttpResponse<B>) -> Option<&str> {
    response.headers().get(header::ETAG)?.to_str().ok()
}

/// An entity tag, in its quotes, of the answer in that encoding.
fn encoded(tag: &str, encoding: ContentEncoding) -> String {
    format!("{}-{}\"", tag.trim_end_matches('"'), encoding.as_str())
}
