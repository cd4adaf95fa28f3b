//! How a command gets to the committer and its answer comes back.

use std::sync::Arc;

use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{Committer, CommitterSettings, append::Writer};
use crate::{
    context::Context,
    metrics,
    orders::Orders,
    outcome::{Accepted, Failure, NotDone, Receipt, Refusal},
    products::Products,
    stock::Stocks,
    work::{Halt, Work},
};

/// Decides a command. Called again when it has to be decided again, so it changes nothing but `Work`.
pub(crate) type Decide = Box<dyn Fn(&mut Work<'_>) -> Result<Receipt, Halt> + Send + Sync>;

/// Scope (the caller) and key.
pub(super) type KeyId = (String, String);

/// What a command is counted as at least, bytes.
const BASE_SIZE: usize = 512;

/// The way in, for everybody. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    queue: Arc<Queue>,
}

struct Queue {
    sender: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// What the committer is told.
pub(super) enum Message {
    Decide(Box<Submission>),
    /// Take nothing more, answer what you have, and end.
    Close,
}

/// The committer while it runs.
pub struct CommitterTask {
    commands: Commands,
    task: JoinHandle<()>,
}

/// A command under way. It holds its places in the queue until it is answered, so everything that the
/// committer has taken in is bounded.
pub(super) struct Submission {
    pub context: Context,
    pub decide: Decide,
    reply: oneshot::Sender<Result<Accepted, NotDone>>,
    _place: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
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

impl Commands {
    /// Starts the committer. `options` are for its own connection, `pool` for loading streams.
    pub fn start(
        settings: CommitterSettings,
        options: PgConnectOptions,
        pool: PgPool,
    ) -> (Self, CommitterTask) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Queue {
            sender,
            places: Arc::new(Semaphore::new(settings.max_queued_commands)),
            bytes: Arc::new(Semaphore::new(settings.max_queued_bytes.min(Semaphore::MAX_PERMITS))),
        };
        let writer = Writer::new(options, &settings);
        let committer = Committer::new(settings, receiver, pool, writer);
        #[allow(clippy::disallowed_methods, reason = "the committer is the one task of this crate")]
        let task = tokio::spawn(committer.run());
        let commands = Self { queue: Arc::new(queue) };
        (commands.clone(), CommitterTask { commands, task })
    }

    /// Whether there is a committer to take commands.
    pub fn is_open(&self) -> bool {
        !self.queue.sender.is_closed()
    }

    pub fn products(&self) -> Products<'_> {
        Products(self)
    }

    pub fn stock(&self) -> Stocks<'_> {
        Stocks(self)
    }

    pub fn orders(&self) -> Orders<'_> {
        Orders(self)
    }

    /// Has a command decided, and waits until the answer is durable or the deadline has passed.
    /// `size` is about how many bytes it keeps in memory.
    pub(crate) async fn submit(
        &self,
        context: Context,
        size: usize,
        decide: Decide,
    ) -> Result<Accepted, NotDone> {
        let size = u32::try_from(BASE_SIZE + size).map_err(|_| Failure::Overloaded)?;
        let place = Arc::clone(&self.queue.places).try_acquire_owned().map_err(|_| Failure::Overloaded)?;
        let bytes =
            Arc::clone(&self.queue.bytes).try_acquire_many_owned(size).map_err(|_| Failure::Overloaded)?;
        let deadline = context.deadline;
        let (reply, answer) = oneshot::channel();
        let submission = Submission { context, decide, reply, _place: place, _bytes: bytes };
        metrics::QUEUED.inc();
        if self.queue.sender.send(Message::Decide(Box::new(submission))).is_err() {
            metrics::QUEUED.dec();
            return Err(Failure::Unavailable.into());
        }
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::OutcomeUnknown.into()),
            Err(_) => Err(Failure::DeadlineExceeded.into()),
        }
    }
}

impl CommitterTask {
    /// Takes no more commands, and returns when those under way are answered.
    pub async fn shutdown(self) {
        // If the committer is gone there is nobody left to answer.
        let _ = self.commands.queue.sender.send(Message::Close);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the committer ended badly");
        }
    }
}
