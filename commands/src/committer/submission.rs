//! A command on its way through the committer.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    context::Context,
    metrics,
    outcome::{Accepted, NotDone, Receipt, Refusal},
    work::{Halt, Work},
};

/// Decides a command. Called again when it has to be decided again, so it changes nothing but `Work`.
pub(crate) type Decide = Box<dyn Fn(&mut Work<'_>) -> Result<Receipt, Halt> + Send + Sync>;

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
    pub decide: Decide,
    pub reply: oneshot::Sender<Result<Accepted, NotDone>>,
    pub _place: OwnedSemaphorePermit,
    pub _bytes: OwnedSemaphorePermit,
}

impl Submission {
    pub fn key(&self) -> Option<(KeyId, [u8; 32])> {
        let key = self.context.key.as_ref()?;
        Some(((self.context.actor.subject.clone(), key.key.clone()), key.fingerprint))
    }

    pub fn refuse(self, refusal: Refusal) {
        self.answer(Err(refusal.into()));
    }

    pub fn answer(self, answer: Result<Accepted, NotDone>) {
        let outcome = match &answer {
            Ok(Accepted { replayed: true, .. }) => "replayed",
            Ok(_) => "accepted",
            Err(NotDone::Refused(_)) => "refused",
            Err(NotDone::Failed(_)) => "failed",
        };
        metrics::COMMANDS.with_label_values(&[outcome]).inc();
        metrics::QUEUED.dec();
        let Self { reply, _place: place, _bytes: bytes, .. } = self;
        // First, so that whoever is answered finds room for the next.
        drop((place, bytes));
        // A client that went away no longer cares; what happened has happened.
        let _ = reply.send(answer);
    }
}
