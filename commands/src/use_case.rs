//! What the write side can be asked to do, as values: they can be held, stored, named, measured and
//! submitted by any caller: an interface, a timer or a reaction.
//!
//! A *request* is what a caller asks for: valid values as they were given, personal data in clear, no id. It
//! is never stored or logged; what it says, in JSON, makes two requests with one idempotency key the same.
//! A *use case* is made from it by [`Request::prepare`]: with the id of what it makes, its personal data
//! sealed. It is what is decided, as often as it takes, and it may be stored. Most use cases need no
//! preparation and are their own request ([`AsAsked`]).

use std::{fmt::Debug, future::Future};

use daybook_domain::{
    Code, Position,
    feature::Feature,
    ids::OrderId,
    policy::{Action, Actor, Demand},
    sealed::{Person, Sealed},
};
use daybook_migrations::Features;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    context::Context,
    error::{CommandError, Failure},
    settings::Settings,
    work::{Halt, Work},
};

/// One thing that can be done.
pub trait UseCase: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// Stable: it is part of the fingerprint of every request, and the name of stored use cases.
    const NAME: &'static str;
    /// The rule that every caller must meet.
    const ACTION: Action;
    /// Money or stock moves, so a repeat must be recognisable: interfaces demand an idempotency key.
    const NEEDS_KEY: bool = false;
    /// It makes the thing that its outcome names.
    const CREATES: bool = false;
    /// Its outcome is about a stream, and says which version that has.
    const HAS_VERSION: bool = true;
    /// The codes of all rules that may refuse it, beside those that may refuse anything.
    const REFUSALS: &'static [Code];
    type Outcome: Outcome;

    /// The rules that this very command must meet beside [`Self::ACTION`], as far as they can be told
    /// without looking into the log. What depends on a stream is checked in [`Self::decide`].
    fn demands(&self, actor: &Actor) -> Vec<Demand> {
        let _ = actor;
        vec![]
    }

    /// The feature that this very command needs, and the member that needs it, as a JSON Pointer. While the feature isn't
    /// enabled, the command is refused.
    fn needs(&self) -> Option<(Feature, &'static str)> {
        None
    }

    /// The guest whose order this very command makes, if that seals something with the guest's key. Nothing else
    /// refers to that key.
    fn guest(&self) -> Option<OrderId> {
        None
    }

    /// Decides, on the states that `work` shows. Called again when it has to be decided again, so it
    /// changes nothing but `work`.
    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<Self::Outcome, Halt>;
}

/// What a caller asks for.
///
/// Its JSON leaves out what is absent or a default, so that a member added later changes no fingerprint.
pub trait Request: Serialize + Send + 'static {
    type UseCase: UseCase;

    /// The same as [`UseCase::demands`], but asked before anything is sealed.
    fn demands(&self, actor: &Actor) -> Vec<Demand>;

    /// Makes the use case, once: what it adds survives every retry.
    fn prepare(
        self,
        context: &Context,
        settings: &Settings,
        features: &Features,
        means: &impl Means,
    ) -> impl Future<Output = Result<Self::UseCase, Failure>> + Send;
}

/// A use case that is its own request.
pub trait AsAsked: UseCase {}

impl<U: AsAsked> Request for U {
    type UseCase = U;

    fn demands(&self, actor: &Actor) -> Vec<Demand> {
        UseCase::demands(self, actor)
    }

    async fn prepare(self, _: &Context, _: &Settings, _: &Features, _: &impl Means) -> Result<U, Failure> {
        Ok(self)
    }
}

/// What a request is prepared with.
pub trait Means: Sync {
    /// A new UUIDv7.
    fn new_id(&self) -> Uuid;

    /// Encrypts personal data with that person's key.
    fn seal(
        &self,
        person: &Person<'_>,
        data: &(impl Serialize + Sync),
    ) -> impl Future<Output = Result<Sealed, Failure>> + Send;

    /// Encrypts with the key of the person whose order that is; `None` if there is no such order.
    fn seal_about(
        &self,
        order: OrderId,
        data: &(impl Serialize + Sync),
    ) -> impl Future<Output = Result<Option<Sealed>, Failure>> + Send;

    /// Throws the key of a guest away whose order is not in the log and never will be.
    fn discard(&self, guest: OrderId) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What a command comes to. Its own JSON is stored with the idempotency key for a week, so that a repeat
/// gets the same answer: members that are added later are optional, and left out when absent.
pub trait Outcome: Serialize + DeserializeOwned + Debug + Clone + Send + Sync + 'static {
    /// The id of the thing that the command is about.
    fn id(&self) -> String;

    /// The sequence of that thing's stream; 0 if it has none ([`UseCase::HAS_VERSION`]).
    fn version(&self) -> i64;
}

/// Done, and durable.
#[derive(Debug, Clone)]
pub struct Done<O> {
    pub outcome: O,
    /// A query that waits for this position sees what the command did.
    pub position: Position,
    /// This is the answer of an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// How a command ends.
pub type Answer<U> = Result<Done<<U as UseCase>::Outcome>, CommandError>;

/// A use case without its type, for lists of what there is.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    pub name: &'static str,
    pub action: Action,
    pub needs_key: bool,
    pub creates: bool,
    pub refusals: &'static [Code],
}

impl Described {
    pub const fn of<U: UseCase>() -> Self {
        Self {
            name: U::NAME,
            action: U::ACTION,
            needs_key: U::NEEDS_KEY,
            creates: U::CREATES,
            refusals: U::REFUSALS,
        }
    }
}
