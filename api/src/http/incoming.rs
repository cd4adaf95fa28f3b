//! A command as it comes in: who sends it, under which conditions, and its body.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use daybook_commands::{Context, IdempotencyKey};
use daybook_domain::policy::Actor;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{answer, body, context, problem::Problem};
use crate::{app::App, entropy};

/// What a handler of a command gets.
pub struct Incoming<T> {
    pub context: Context,
    pub body: T,
}

/// The body of a command.
pub trait CommandBody: DeserializeOwned + 'static {
    /// Where money or stock moves, a repeat must be recognisable.
    const KEY_REQUIRED: bool = false;
}

/// `{}`, or no body at all.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl CommandBody for Nothing {}

/// `{}` of a command that needs an idempotency key.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingKeyed {}

impl CommandBody for NothingKeyed {
    const KEY_REQUIRED: bool = true;
}

impl<T: CommandBody> FromRequest for Incoming<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move { receive(&request, &mut payload).await })
    }
}

/// The cheap checks first, the body last.
async fn receive<T: CommandBody>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Incoming<T>, Problem> {
    let app = request.app_data::<web::Data<App>>().expect("every route has the app");
    let asked = context::of(request);
    let actor = asked.actor.as_deref().ok_or_else(Problem::unauthenticated)?;
    answer::check_acceptable(request, &["application/json"])?;
    if !request.query_string().is_empty() {
        return Err(Problem::unknown_parameter("a command takes no query parameters"));
    }
    let headers = request.headers();
    let key = context::idempotency_key(headers)?;
    if T::KEY_REQUIRED && key.is_none() {
        return Err(Problem::idempotency_key_required());
    }
    let if_match = context::if_match(headers)?;
    let bytes = body::read(headers, payload, &app.limits).await?;
    if !bytes.is_empty() {
        body::check_media_type(headers)?;
    }
    let body = body::parse(&bytes)?;
    let key = key.map(|key| IdempotencyKey { key, http_fingerprint: Some(fingerprint(request, &bytes)) });
    let context = Context {
        actor: Actor { subject: actor.subject.clone(), roles: actor.roles },
        command_id: entropy::new_id(),
        request_id: asked.request_id.clone(),
        traceparent: Some(asked.traceparent.clone()),
        deadline: asked.deadline,
        now: app.clock.now(),
        key,
        if_match,
    };
    Ok(Incoming { context, body })
}

/// What makes two requests the same to release 0.1, which may share the database: method, path and body.
fn fingerprint(request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(request.method().as_str())
        .chain_update([0])
        .chain_update(request.path())
        .chain_update([0])
        .chain_update(body)
        .finalize()
        .into()
}
