//! Effects that are commands of this system: what is to be done when a time has come.
//!
//! A repeat of such a command changes nothing, because it looks at the state. So it has no idempotency key, whose answer
//! would be that of a moment when the time had not come.

use std::time::{Duration, Instant};

use daybook_commands::{CommandError, Commands, Context, Failure, Request, orders::ExpireOrder};
use daybook_core::{entropy, vault::Vault};
use daybook_domain::{Position, Record, policy::Actor, reactions::EffectKind};
use daybook_projections::{ClaimedEffect, EffectError, Log};

/// Below the time that the lane gives, so that a command's own answer tells what became of it.
const LIMIT: Duration = Duration::from_secs(4);

pub struct Commanding {
    /// `None`: this process performs nothing either.
    pub commands: Option<Commands>,
    pub log: Log,
    pub vault: Vault,
}

impl Commanding {
    pub async fn expire_order(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        let id = effect.target.parse();
        let id = id.map_err(|_| EffectError::GiveUp("its target is no order".into()))?;
        self.ask(effect, ExpireOrder { id }).await
    }

    async fn ask(&self, effect: &ClaimedEffect, request: impl Request) -> Result<(), EffectError> {
        let cause = self.cause(effect).await?;
        let commands = self.commands.as_ref().ok_or_else(|| failed(Failure::Unavailable.into()))?;
        let context = context(effect, &cause);
        commands.ask(context, request, &self.vault).await.map(|_| ()).map_err(failed)
    }

    async fn cause(&self, effect: &ClaimedEffect) -> Result<Record, EffectError> {
        let before = Position(effect.position.0 - 1);
        let records =
            self.log.after(before, 1).await.map_err(|error| EffectError::Retry(error.to_string()))?;
        let is_it = |record: &Record| record.event_id == effect.event_id;
        records
            .into_iter()
            .find(is_it)
            .ok_or_else(|| EffectError::GiveUp("its event is not in the log".into()))
    }
}

/// What happens goes on with the request that caused it, at the time at which the database found it due.
fn context(effect: &ClaimedEffect, cause: &Record) -> Context {
    Context {
        actor: actor(effect.kind),
        command_id: entropy::new_id(),
        request_id: cause.request_id().to_owned(),
        cause: Some(cause.event_id),
        traceparent: cause.metadata.get("traceparent").cloned(),
        deadline: Instant::now() + LIMIT,
        now: effect.claimed_at,
        key: None,
        if_match: None,
    }
}

/// Daybook, by what it does.
fn actor(kind: EffectKind) -> Actor {
    Actor::system(format!("system:{kind}"))
}

/// What a rule refuses will be refused again.
fn failed(error: CommandError) -> EffectError {
    match error {
        CommandError::Refused(refusal) => EffectError::GiveUp(refusal.to_string()),
        CommandError::Failed(failure) => EffectError::Retry(failure.to_string()),
    }
}
