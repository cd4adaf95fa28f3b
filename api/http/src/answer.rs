//! Answers: what a command left behind, and what a read found.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, EntityTag, HeaderName, HeaderValue},
        uri::PathAndQuery,
    },
};
use bytes::Bytes;
use daybook_commands::{Done, Outcome, UseCase};
use daybook_core::reads::{Beside, Form, Found, Kept};
use daybook_domain::Position;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Ref, RefOr, schema::Schema},
};

use super::{compression::Forms, negotiation::has_it_already, problem::Problem};

pub use super::caching::{NO_STORE, PUBLIC};

pub const DAYBOOK_POSITION: HeaderName = HeaderName::from_static("daybook-position");
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// Most answers about one thing fit, so their buffer never grows.
const USUAL_BYTES: usize = 512;

/// What a handler answers.
pub type Answer = Result<HttpResponse, Problem>;

/// An outcome as it is sent.
pub trait Told: Outcome {
    type Answer: Serialize + ToSchema;

    fn told(self, position: Position) -> Self::Answer;
}

/// An answer that is the same for every caller.
pub struct Fixed {
    media_type: &'static str,
    body: Bytes,
    tag: String,
    /// What a browser may load for it, if it is a page.
    policy: Option<HeaderValue>,
    forms: Forms,
}

impl Fixed {
    pub fn new(media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag = digest(&body);
        Self { media_type, body, tag, policy: None, forms: Forms::default() }
    }

    pub fn page(policy: HeaderValue, html: impl Into<Bytes>) -> Self {
        Self { policy: Some(policy), ..Self::new("text/html; charset=utf-8", html) }
    }

    /// It, or 304 if the client has it already.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = has_it_already(request, &self.tag);
        let mut response = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        response.insert_header((header::ETAG, self.tag.as_str())).insert_header(PUBLIC);
        if let Some(policy) = &self.policy {
            response.insert_header((header::CONTENT_SECURITY_POLICY, policy.clone()));
        }
        if known {
            return response.finish();
        }
        response.extensions_mut().insert(self.forms.clone());
        response.insert_header((header::CONTENT_TYPE, self.media_type)).body(self.body.clone())
    }
}

/// All there are of something, as an array.
#[derive(Serialize)]
#[serde(transparent)]
pub struct List<V>(pub Vec<V>);

impl<V: ToSchema> PartialSchema for List<V> {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Ref::from_schema_name(V::name())).into()
    }
}

impl<V: ToSchema> ToSchema for List<V> {
    fn name() -> Cow<'static, str> {
        format!("{}List", V::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((V::name().into(), V::schema()));
        V::schemas(schemas);
    }
}

/// The answer to a command. `collection` is where created things are found by their id.
pub fn to_command<U: UseCase>(done: Done<U::Outcome>, collection: &str) -> HttpResponse
where
    U::Outcome: Told,
{
    let Done { outcome, position, replayed } = done;
    let status = if U::CREATES { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header(JSON).insert_header((DAYBOOK_POSITION, position.0));
    if U::HAS_VERSION {
        response.insert_header(header::ETag(EntityTag::new_strong(outcome.version().to_string())));
    }
    if U::CREATES {
        response.insert_header((header::LOCATION, format!("{collection}/{}", outcome.id())));
    }
    if replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    response.body(written(&outcome.told(position)))
}

/// The answer to a read, or 304 if the client has it already.
pub fn to_read<V: Serialize>(request: &HttpRequest, found: &Found<V>) -> HttpResponse {
    let form = found.kept.form(form);
    let known = has_it_already(request, &form.tag);
    let mut response = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((header::ETAG, form.tag.as_str()))
        .insert_header((DAYBOOK_POSITION, found.position.0))
        .insert_header(if found.is_for_caches { PUBLIC } else { NO_STORE });
    let address = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    if let Some(links) = found.kept.links(address, |beside| links(request, beside)) {
        response.insert_header((header::LINK, links));
    }
    if known {
        return response.finish();
    }
    response.insert_header(JSON).body(form.body.clone())
}

/// Where the first page of a list is, and those beside this one if there are any (RFC 8288): the request's own
/// address with another cursor.
pub fn links(request: &HttpRequest, beside: &Beside) -> String {
    let pairs = request.query_string().split('&').filter(|pair| !pair.is_empty());
    let is_cursor = |pair: &str| matches!(pair.split('=').next(), Some("after" | "before"));
    let others: Vec<&str> = pairs.filter(|pair| !is_cursor(pair)).collect();
    let path = request.uri().path();
    let link = |relation: &str, cursor: Option<String>| {
        let query = others.iter().copied().chain(cursor.as_deref()).collect::<Vec<_>>().join("&");
        let joint = if query.is_empty() { "" } else { "?" };
        format!("<{path}{joint}{query}>; rel=\"{relation}\"")
    };
    let next = beside.next.as_ref().map(|next| link("next", Some(format!("after={next}"))));
    let prev = beside.prev.as_ref().map(|prev| link("prev", Some(format!("before={prev}"))));
    let links: Vec<String> = next.into_iter().chain(prev).chain([link("first", None)]).collect();
    links.join(", ")
}

/// A view as JSON, and its ETag, which is made of its bytes if it has no tag of its own.
fn form<V: Serialize>(kept: &Kept<V>) -> Form {
    let body = written(&kept.view);
    let tag = kept.tag.as_ref().map_or_else(|| digest(&body), |tag| format!("\"{tag}\""));
    Form { body: body.into(), tag }
}

fn written(view: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut body, view).expect("views serialize: string keys, finite numbers");
    body
}

fn digest(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// An answer that is made for this request.
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(JSON).body(written(body))
}

/// An answer that is the same for every caller, or 304 if the client has it already.
pub fn public(request: &HttpRequest, body: &impl Serialize) -> HttpResponse {
    Fixed::new("application/json", written(body)).answer(request)
}

pub fn tell_position(response: &mut HttpResponse, position: Position) {
    response.headers_mut().insert(DAYBOOK_POSITION, position.0.into());
}
