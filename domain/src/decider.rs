//! The two functions that make an aggregate, and what its events and refusals must be able to say.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::{code::Code, policy::Demand, upcast::Step};

/// One kind of stream: how its commands are decided and how its events change its state.
///
/// The state is `Default` before its first event.
pub trait Decider: Default + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stream's kind. Stored for ever as `aggregate_type`: never change it.
    const KIND: &'static str;
    type Command: Debug + Send;
    type Event: Event;
    type Rejection: Rejection;
    /// Version of the serialized state, which snapshots keep. Raise it whenever the same events lead to a state
    /// that is written differently: a snapshot of another shape is not read, and the stream is folded again.
    const SHAPE: u16;

    /// What follows from `command`. `Ok` with no events means that it is already so.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after `event`. Total: whatever was once stored is accepted.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// About how many bytes the state keeps in memory.
    fn weight(&self) -> usize;
}

/// A fact as it is stored: a serde enum, externally tagged, each variant with named fields and
/// `#[serde(rename = "…")]` for its stored name (see [`crate::stored`]).
pub trait Event: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The steps from the shapes that were ever stored to today's: one from each version but the last.
    const STEPS: &'static [Step] = &[];

    /// The stored name, equal to the variant's serde name.
    fn name(&self) -> &'static str;

    /// The version of the stored shape. Raised together with a step that leads here.
    fn version(&self) -> u16 {
        1
    }
}

/// Refused by a rule, with a code that clients may match on. Implemented by [`rejection_codes!`](crate::rejection_codes).
pub trait Rejection: std::error::Error + Sized + Send + Sync + 'static {
    /// The codes of all its variants.
    const CODES: &'static [Code];

    /// Stable: part of the public contract.
    fn code(&self) -> Code;

    /// Who is told all that it says, and what others are told. `None`: it says nothing that not everyone may read.
    fn guarded(&self) -> Option<Guarded<Self>> {
        None
    }
}

/// A rejection that says something that not everyone may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Guarded<R> {
    /// Callers who may do this are told all.
    pub demand: Demand,
    /// What everyone else is told: its code and words are the same for all that they can't tell apart.
    pub otherwise: R,
}

/// Says which code each variant of a rejection has. From the same list it makes
/// [`CODES`](crate::decider::Rejection::CODES), so none can be left out there. `guarded by` names the function that is
/// [`guarded`](crate::decider::Rejection::guarded), where a variant tells more than everyone may read.
#[macro_export]
macro_rules! rejection_codes {
    ($rejection:ty { $( $variant:ident => $code:expr ),+ $(,)? } $( guarded by $guard:path )?) => {
        impl $crate::decider::Rejection for $rejection {
            const CODES: &'static [$crate::code::Code] = &[$($code.code()),+];

            fn code(&self) -> $crate::code::Code {
                match self {
                    $( Self::$variant { .. } => $code.code(), )+
                }
            }

            $(
                fn guarded(&self) -> Option<$crate::decider::Guarded<Self>> {
                    $guard(self)
                }
            )?
        }
    };
}

/// The state after `events`, from nothing.
pub fn fold<'a, D: Decider>(events: impl IntoIterator<Item = &'a D::Event>) -> D {
    events.into_iter().fold(D::default(), D::evolve)
}
