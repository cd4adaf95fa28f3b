//! What was decided about a command, whichever use case it is.

use std::any::Any;

use daybook_domain::Position;
use serde_json::value::RawValue;

use crate::{
    context::Fingerprint,
    error::{CommandError, Failure, Refusal},
    receipt,
    use_case::{Answer, Done, UseCase},
};

/// The outcome of a use case, without its type.
pub struct Verdict(Box<dyn AnyOutcome>);

trait AnyOutcome: Any + Send + Sync {
    fn receipt(&self, fingerprint: Fingerprint) -> String;
}

struct OutcomeOf<U: UseCase>(U::Outcome);

impl<U: UseCase> AnyOutcome for OutcomeOf<U> {
    fn receipt(&self, fingerprint: Fingerprint) -> String {
        receipt::written::<U>(&self.0, fingerprint)
    }
}

impl Verdict {
    pub fn of<U: UseCase>(outcome: U::Outcome) -> Self {
        Self(Box::new(OutcomeOf::<U>(outcome)))
    }

    /// What is stored under the idempotency key of the request with this fingerprint, as JSON.
    pub fn receipt(&self, fingerprint: Fingerprint) -> String {
        self.0.receipt(fingerprint)
    }
}

/// Done, and durable.
pub struct Accepted {
    pub outcome: Accounted,
    pub position: Position,
}

/// Where an outcome comes from.
pub enum Accounted {
    Decided(Verdict),
    /// An earlier request with the same idempotency key has it.
    Stored(Box<RawValue>),
}

/// How a command ends.
pub type Ending = Result<Accepted, CommandError>;

/// What was decided, as the answer to give when that is durable.
pub fn ending(verdict: Result<Verdict, Refusal>, position: Position) -> Ending {
    let outcome = verdict.map_err(CommandError::Refused)?;
    Ok(Accepted { outcome: Accounted::Decided(outcome), position })
}

impl Accepted {
    /// The answer to a command of this use case, in the outcome's own type.
    pub fn typed<U: UseCase>(self) -> Answer<U> {
        let (outcome, replayed) = match self.outcome {
            Accounted::Decided(Verdict(outcome)) => {
                let outcome: Box<dyn Any> = outcome;
                let outcome = outcome.downcast::<OutcomeOf<U>>();
                (outcome.expect("a use case comes to its own outcome").0, false)
            }
            Accounted::Stored(json) => {
                let outcome = serde_json::from_str(json.get()).map_err(|error| {
                    tracing::error!(%error, "a stored outcome can't be read");
                    Failure::Internal
                })?;
                (outcome, true)
            }
        };
        Ok(Done { outcome, position: self.position, replayed })
    }
}
