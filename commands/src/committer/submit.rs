//! How a command gets to the committer and its answer comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_domain::{Code, code::GeneralCode, ids::OrderId, policy::PolicyCode};
use daybook_migrations::Features;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::{timeout, timeout_at},
};

use super::{
    Committer,
    append::Writer,
    submission::{self, Decide, Message, Queued, Submission},
    verdict::{Ending, Verdict},
};
use crate::{
    codes::CommandCode,
    context::Context,
    error::{CommandError, Failure, Refusal},
    metrics,
    receipt::Key,
    settings::Settings,
    size,
    use_case::{Answer, Done, Means, Outcome, Request, UseCase},
    work::Work,
};

/// The codes that any command may be refused with.
pub const ANY_REFUSAL: &[Code] = &[
    PolicyCode::Forbidden.code(),
    GeneralCode::NotFound.code(),
    GeneralCode::ValidationFailed.code(),
    CommandCode::StaleVersion.code(),
    CommandCode::KeyReused.code(),
    CommandCode::KeyInFlight.code(),
];

/// What a command is counted as at least, bytes.
const BASE_SIZE: usize = 512;

/// How long a refusal waits for the deletion of a key at most.
const DISCARD_TIMEOUT: Duration = Duration::from_millis(500);

/// The way in, for all callers. It is cheap to clone.
#[derive(Clone)]
pub struct Commands {
    queue: Arc<Queue>,
}

struct Queue {
    sender: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    settings: Settings,
    features: Features,
}

/// The committer while it runs.
pub struct CommitterTask {
    commands: Commands,
    task: JoinHandle<()>,
}

impl Commands {
    /// Starts the committer. `features` are those that commands may use, `options` are for its own connection, `pool` for
    /// loading streams.
    pub fn start(
        settings: Settings,
        features: Features,
        options: PgConnectOptions,
        pool: PgPool,
    ) -> (Self, CommitterTask) {
        metrics::begin();
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Queue {
            sender,
            places: Arc::new(Semaphore::new(settings.max_queued_commands)),
            bytes: Arc::new(Semaphore::new(settings.max_queued_size.in_memory().min(Semaphore::MAX_PERMITS))),
            settings: settings.clone(),
            features,
        };
        let writer = Writer::new(options, &settings);
        let committer = Committer::new(settings, receiver, pool, writer);
        #[allow(
            clippy::disallowed_methods,
            reason = "the committer ends when all are answered, and can't be begun anew"
        )]
        let task = tokio::spawn(committer.run());
        let commands = Self { queue: Arc::new(queue) };
        (commands.clone(), CommitterTask { commands, task })
    }

    /// Whether there is a committer to take commands.
    pub fn is_open(&self) -> bool {
        !self.queue.sender.is_closed()
    }

    /// Does what is asked for, and answers when it is durable or the deadline has passed. The caller's
    /// rights are checked first, so that no keys for persons are made for a caller who may not do this.
    pub async fn ask<R: Request>(
        &self,
        context: Context,
        request: R,
        means: &impl Means,
    ) -> Answer<R::UseCase> {
        context.check_door(R::UseCase::ACTION)?;
        context.check_demands(&request.demands(&context.actor))?;
        let key = context.key.as_ref().map(|key| {
            let scope = &context.actor.subject;
            Key::of(scope, key, R::UseCase::NAME, &request)
        });
        let preparation = request.prepare(&context, &self.queue.settings, &self.queue.features, means);
        let prepared = timeout_at(context.deadline.into(), preparation).await;
        let use_case = prepared.map_err(|_| Failure::DeadlineExceeded)??;
        let (guest, deadline) = (use_case.guest(), context.deadline);
        let answer = self.decide(context, key, use_case).await;
        if let Some(guest) = guest
            && is_never_placed(&answer, guest)
        {
            let discarded = timeout(DISCARD_TIMEOUT, means.discard(guest));
            // A key that stays opens nothing.
            let _ = timeout_at(deadline.into(), discarded).await;
        }
        answer
    }

    /// The same for a use case that is prepared already.
    pub async fn submit<U: UseCase>(&self, context: Context, use_case: U) -> Answer<U> {
        context.check_door(U::ACTION)?;
        context.check_demands(&use_case.demands(&context.actor))?;
        let key = context.key.as_ref().map(|key| Key::of(&context.actor.subject, key, U::NAME, &use_case));
        self.decide(context, key, use_case).await
    }

    async fn decide<U: UseCase>(&self, context: Context, key: Option<Key>, use_case: U) -> Answer<U> {
        self.check_feature(&context, &use_case).await?;
        let size = BASE_SIZE + size::in_memory(&use_case);
        let decide = move |context: &Context, work: &mut Work<'_>| {
            // What is made now has no version that a client could have seen.
            if let (true, Some(seen)) = (U::CREATES, &context.if_match) {
                return Err(Refusal::stale(seen, 0).into());
            }
            let outcome = use_case.decide(context, work)?;
            Ok(Verdict::of::<U>(outcome))
        };
        let begun = Instant::now();
        let ending = self.enqueue(context, key, size, Box::new(decide)).await;
        let outcome = submission::outcome(&ending).as_str();
        metrics::USE_CASE_SECONDS
            .with_label_values(&[U::NAME, outcome])
            .observe(begun.elapsed().as_secs_f64());
        if let Err(CommandError::Refused(refusal)) = &ending {
            let listed = U::REFUSALS.contains(&refusal.code) || ANY_REFUSAL.contains(&refusal.code);
            debug_assert!(listed, "{} is refused with {}, which it doesn't list", U::NAME, refusal.code);
        }
        ending?.typed::<U>()
    }

    /// Once for a command, however often it is decided. If another process has taken it before, under the same key, its
    /// feature is found to be enabled here, too.
    async fn check_feature<U: UseCase>(&self, context: &Context, use_case: &U) -> Result<(), CommandError> {
        let Some((feature, place)) = use_case.needs() else { return Ok(()) };
        let looked = timeout_at(context.deadline.into(), self.queue.features.has_by_now(feature)).await;
        match looked.map_err(|_| Failure::DeadlineExceeded)?.map_err(|_| Failure::Unavailable)? {
            true => Ok(()),
            false => Err(Refusal::turned_off(feature, place).into()),
        }
    }

    /// Has a command decided, and waits until the answer is durable or the deadline has passed.
    /// `size` is about how many bytes it keeps in memory.
    async fn enqueue(&self, context: Context, key: Option<Key>, size: usize, decide: Decide) -> Ending {
        let size = u32::try_from(size).map_err(|_| Failure::Overloaded)?;
        let _place = Arc::clone(&self.queue.places).try_acquire_owned().map_err(|_| Failure::Overloaded)?;
        let bytes =
            Arc::clone(&self.queue.bytes).try_acquire_many_owned(size).map_err(|_| Failure::Overloaded)?;
        let deadline = context.deadline;
        let (reply, answer) = oneshot::channel();
        let queued = Queued::now(&context);
        let submission =
            Submission { context, key, is_looked_up: false, decide, queued, reply, _place, bytes };
        metrics::QUEUED.inc();
        if self.queue.sender.send(Message::Decide(Box::new(submission))).is_err() {
            metrics::QUEUED.dec();
            return Err(Failure::Unavailable.into());
        }
        match timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::OutcomeUnknown.into()),
            Err(_) => Err(Failure::DeadlineExceeded.into()),
        }
    }
}

/// Whether it is certain that the order of this guest was not placed and never will be: the command was refused, or it
/// is a repeat and was answered with an earlier order. After a failure it may have been placed, or be placed later.
fn is_never_placed<O: Outcome>(answer: &Result<Done<O>, CommandError>, guest: OrderId) -> bool {
    match answer {
        Ok(done) => done.replayed && done.outcome.id() != guest.to_string(),
        Err(CommandError::Refused(_)) => true,
        Err(CommandError::Failed(_)) => false,
    }
}

impl CommitterTask {
    /// Takes no more commands, and returns when those under way are answered.
    pub async fn shutdown(self) {
        // If the committer is gone there is no command left to answer.
        let _ = self.commands.queue.sender.send(Message::Close);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the committer ended badly");
        }
    }
}
