//! What a route does, for interfaces that write questions and answers in forms of their own: the same command or read,
//! by the same rules, without paths, headers and statuses of HTTP.

use std::sync::Arc;

use daybook_commands::{Done, IdempotencyKey, Request, UseCase};
use daybook_core::{
    app::App,
    reads::{Conditions, Found, Read},
};
use daybook_domain::{Position, policy::Actor};
use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    answer::Told,
    arrived::{Body, InPath},
    body,
    context::{self, RequestContext},
    params,
    problem::Problem,
};

/// Asks a command or a read. It is shared by all threads.
pub type Ask = Arc<dyn Fn(Question) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync>;

pub struct Question {
    pub app: Arc<App>,
    pub context: Arc<RequestContext>,
    /// What the path of the route names, in the order of the path.
    pub ids: Vec<String>,
    pub said: Said,
}

pub enum Said {
    Command {
        /// JSON, as the body of the route.
        body: Vec<u8>,
        /// The idempotency key.
        key: Option<String>,
        /// The versions, one of which the thing must still have.
        if_match: Option<Vec<i64>>,
    },
    Read {
        /// The query string of the route.
        query: String,
        min_position: Option<Position>,
    },
}

/// What is answered.
pub struct Reply {
    /// The body of the route's answer.
    pub view: Value,
    /// What a command did is at this position; what a read shows reflects the log up to here.
    pub position: Position,
    /// It is the answer of an earlier command with the same key.
    pub replayed: bool,
    /// The cursor of each row, if it is a page of a list.
    pub cursors: Option<Arc<[String]>>,
}

impl Question {
    pub fn actor(&self) -> Option<&Actor> {
        self.context.actor.as_deref()
    }

    /// A name that can't be one names nothing that is there.
    pub fn id<P: InPath>(&self) -> Result<P, Problem> {
        let ids = match self.ids.as_slice() {
            [] => Value::Null,
            [id] => id.clone().into(),
            ids => ids.into(),
        };
        P::deserialize(ids).map_err(|_| Problem::not_found())
    }
}

/// The command of `ask`.
pub fn command<P, B, R>(ask: fn(P, B) -> R) -> Ask
where
    P: InPath,
    B: Body,
    R: Request,
    <R::UseCase as UseCase>::Outcome: Told,
{
    Arc::new(move |question| {
        Box::pin(async move {
            let Said::Command { body, key, if_match } = &question.said else {
                return Err(Problem::internal());
            };
            if key.as_ref().is_some_and(|key| !context::is_key(key)) {
                return Err(Problem::malformed(context::KEY_FORM));
            }
            let key = context::needed::<R::UseCase>(key.clone())?;
            let Question { app, context, .. } = &question;
            let key = key.map(|key| IdempotencyKey { key, http_fingerprint: None });
            let command_context = context.of_command(app, key, if_match.clone())?;
            let (id, body) = (question.id::<P>()?, body::parse::<B>(body)?);
            let done = app.commands().ask(command_context, ask(id, body), &app.vault).await?;
            let Done { outcome, position, replayed } = done;
            Ok(Reply { view: json(&outcome.told(position)), position, replayed, cursors: None })
        })
    })
}

/// The read of `find`.
pub fn read<P, Q, R>(find: fn(P, Q) -> R) -> Ask
where
    P: InPath,
    Q: DeserializeOwned + 'static,
    R: Read + 'static,
{
    Arc::new(move |question| {
        Box::pin(async move {
            let Said::Read { query, min_position } = &question.said else { return Err(Problem::internal()) };
            let read = find(question.id::<P>()?, params::query::<Q>(query)?);
            let Question { app, context, .. } = &question;
            let deadline = context.deadline;
            let conditions = Conditions { min_position: *min_position, deadline, now: app.clock.now() };
            let Found { kept, position, .. } = app.reads.find(&read, question.actor(), conditions).await?;
            let cursors = kept.beside.as_ref().map(|beside| Arc::clone(&beside.rows));
            Ok(Reply { view: json(&kept.view), position, replayed: false, cursors })
        })
    })
}

/// A view as JSON.
pub fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views serialize: string keys, finite numbers")
}
