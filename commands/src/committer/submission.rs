//! A command on its way through the committer.

use std::time::Instant;

use daybook_migrations::traces::{self, SpanContext};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::verdict::{Accepted, Accounted, Ending, Verdict};
use crate::{
    context::Context,
    error::{CommandError, Refusal},
    metrics::{self, CommandOutcome},
    receipt::Key,
    work::{Halt, Work},
};

/// Decides a command. Called again when it has to be decided again, so it changes nothing but `Work`.
pub(super) type Decide = Box<dyn Fn(&Context, &mut Work<'_>) -> Result<Verdict, Halt> + Send + Sync>;

/// Scope (the caller) and key.
pub(super) type KeyId = (String, String);

/// What the committer is told.
pub(super) enum Message {
    Decide(Box<Submission>),
    /// Take nothing more, answer what you have, and end.
    Close,
}

/// A command under way. It holds its places in the queue until it is answered, so everything that the
/// committer has taken in is bounded.
pub(super) struct Submission {
    pub context: Context,
    pub key: Option<Key>,
    /// Its key was looked up before it is decided, or that was given up.
    pub is_looked_up: bool,
    pub decide: Decide,
    pub queued: Option<Queued>,
    pub reply: oneshot::Sender<Ending>,
    pub _place: OwnedSemaphorePermit,
    pub bytes: OwnedSemaphorePermit,
}

/// Since when a command waits, and in which trace, if that is sampled.
pub(super) struct Queued {
    pub place: SpanContext,
    pub since: Instant,
}

impl Queued {
    pub fn now(context: &Context) -> Option<Self> {
        let place = traces::sampled(context.traceparent.as_deref())?;
        Some(Self { place, since: Instant::now() })
    }
}

/// How a command has ended, as metrics have it.
pub fn outcome(ending: &Ending) -> CommandOutcome {
    match ending {
        Ok(Accepted { outcome: Accounted::Stored(_), .. }) => CommandOutcome::Replayed,
        Ok(_) => CommandOutcome::Accepted,
        Err(CommandError::Refused(_)) => CommandOutcome::Refused,
        Err(CommandError::Failed(_)) => CommandOutcome::Failed,
    }
}

impl Submission {
    /// About how many bytes it keeps in memory.
    pub fn size(&self) -> usize {
        self.bytes.num_permits()
    }

    pub fn key_id(&self) -> Option<KeyId> {
        self.key.as_ref().map(|key| (key.scope.clone(), key.key.clone()))
    }

    pub fn decide(&self, work: &mut Work<'_>) -> Result<Verdict, Halt> {
        (self.decide)(&self.context, work)
    }

    pub fn refuse(self, refusal: Refusal) {
        self.answer(Err(refusal.into()));
    }

    pub fn answer(self, answer: Ending) {
        metrics::COMMANDS.with_label_values(&[outcome(&answer).as_str()]).inc();
        metrics::QUEUED.dec();
        let Self { reply, _place: place, bytes, .. } = self;
        // This comes first, so that a caller that is answered finds room for its next command.
        drop((place, bytes));
        // A client that went away no longer cares; what happened has happened.
        let _ = reply.send(answer);
    }
}
