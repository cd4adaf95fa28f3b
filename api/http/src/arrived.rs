//! A request that came through the door, and how its parts are read.

use std::{fmt::Display, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web, web::Data};
use bytes::Bytes;
use daybook_commands::{Context, IdempotencyKey, UseCase};
use daybook_core::{app::App, reads::Conditions, values};
use daybook_domain::{Position, account, ids, policy::Actor, sku};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};
use uuid::Uuid;

use super::{
    body::{self, Sent},
    connection::Connection,
    context::{self, RequestContext},
    params,
    problem::Problem,
};

/// Forms are short.
const MAX_FORM_BYTES: usize = 16 * 1_024;

pub struct Arrived {
    pub app: Data<App>,
    pub request: HttpRequest,
    pub payload: Payload,
    pub context: Arc<RequestContext>,
    /// The media type that the client likes best, of those that the route offers.
    pub form: &'static str,
    /// The position that the answer must have seen.
    pub min_position: Option<Position>,
}

/// What a path names.
pub trait InPath: DeserializeOwned + 'static {
    /// What each part of the path that is a name may be, in their order.
    fn schemas() -> Vec<RefOr<Schema>>;

    /// Its name in the audit.
    fn target(&self) -> String;
}

/// The body of a command.
pub trait Body: DeserializeOwned + ToSchema + 'static {}

impl<T: DeserializeOwned + ToSchema + 'static> Body for T {}

/// `{}`, or no body at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// No parameters at all.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoQuery {}

/// What a client says about how a command is to be carried out.
pub struct CommandConditions {
    key: Option<String>,
    if_match: Option<Vec<i64>>,
}

impl Arrived {
    pub fn actor(&self) -> Option<&Actor> {
        self.context.actor.as_deref()
    }

    /// A path that names nothing possible names nothing that is there.
    pub fn path<P: InPath>(&self) -> Result<P, Problem> {
        let path = web::Path::<P>::from_request(&self.request, &mut Payload::None).into_inner();
        path.map(web::Path::into_inner).map_err(|_| Problem::not_found())
    }

    pub fn query<Q: DeserializeOwned>(&self) -> Result<Q, Problem> {
        params::query(self.request.query_string())
    }

    /// The body, and its bytes as they came.
    pub async fn body<B: Body>(&mut self) -> Result<(B, Bytes), Problem> {
        let bytes = self.bytes(self.app.limits.max_body.in_memory()).await?;
        Ok((body::parse(&bytes)?, bytes))
    }

    /// The bytes of a JSON body that has no more than `max_bytes`.
    pub async fn bytes(&mut self, max_bytes: usize) -> Result<Bytes, Problem> {
        let bytes = self.read(max_bytes).await?;
        if !bytes.is_empty() {
            body::check_media_type(self.request.headers(), self.request.method())?;
        }
        Ok(bytes)
    }

    /// What a form of a page was filled in with.
    pub async fn form(&mut self) -> Result<Sent, Problem> {
        let bytes = self.read(MAX_FORM_BYTES).await?;
        if !bytes.is_empty() {
            body::check_form(self.request.headers())?;
        }
        Sent::parse(&bytes)
    }

    /// The bytes of a body of any kind that has no more than `max_bytes`.
    async fn read(&mut self, max_bytes: usize) -> Result<Bytes, Problem> {
        body::check_length(self.request.headers(), max_bytes)?;
        let connection = self.request.conn_data::<Connection>();
        if let Some(connection) = connection {
            connection.body_is_wanted();
        }
        let time = self.app.limits.client_timeout.get();
        let bytes = body::read(&mut self.payload, max_bytes, time).await?;
        if let Some(connection) = connection {
            connection.body_was_read();
        }
        Ok(bytes)
    }

    pub fn read_conditions(&self) -> Conditions {
        let (min_position, deadline) = (self.min_position, self.context.deadline);
        Conditions { min_position, deadline, now: self.app.clock.now() }
    }

    pub fn command_conditions<U: UseCase>(&self) -> Result<CommandConditions, Problem> {
        let key = context::needed::<U>(context::idempotency_key(self.request.headers())?)?;
        Ok(CommandConditions { key, if_match: context::if_match(&self.request)? })
    }

    /// What comes with a command whose body has these bytes.
    pub fn command_context(&self, conditions: CommandConditions, body: &[u8]) -> Result<Context, Problem> {
        let CommandConditions { key, if_match } = conditions;
        let key = key.map(|key| IdempotencyKey { key, http_fingerprint: Some(self.fingerprint(body)) });
        self.context.of_command(&self.app, key, if_match)
    }

    /// What makes two requests the same to release 0.1, which may share the database: method, path and body.
    fn fingerprint(&self, body: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.request.method().as_str())
            .chain_update([0])
            .chain_update(self.request.path())
            .chain_update([0])
            .chain_update(body)
            .finalize()
            .into()
    }
}

impl InPath for () {
    fn schemas() -> Vec<RefOr<Schema>> {
        vec![]
    }

    fn target(&self) -> String {
        "all".to_owned()
    }
}

macro_rules! in_path {
    ($($named:ty => $schema:ty),* $(,)?) => {$(
        impl InPath for $named {
            fn schemas() -> Vec<RefOr<Schema>> {
                vec![<$schema as PartialSchema>::schema()]
            }

            fn target(&self) -> String {
                display(self)
            }
        }
    )*};
}

in_path! {
    account::RoleName => values::AccountRole,
    ids::AccountId => values::AccountId,
    account::ProviderName => values::ProviderName,
    ids::OrderId => values::OrderId,
    ids::PriceChangeId => values::PriceChangeId,
    sku::Sku => values::Sku,
    String => values::Name,
    Uuid => values::Id,
}

impl InPath for values::Country {
    fn schemas() -> Vec<RefOr<Schema>> {
        vec![<Self as PartialSchema>::schema()]
    }

    fn target(&self) -> String {
        self.0.as_str().to_owned()
    }
}

/// A thing, and one of those that it has.
impl<A: InPath, B: InPath> InPath for (A, B) {
    fn schemas() -> Vec<RefOr<Schema>> {
        A::schemas().into_iter().chain(B::schemas()).collect()
    }

    fn target(&self) -> String {
        format!("{}/{}", self.0.target(), self.1.target())
    }
}

fn display(named: &impl Display) -> String {
    named.to_string()
}
