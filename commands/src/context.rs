//! Who asks, and under which conditions.

use std::{collections::BTreeMap, time::Instant};

use chrono::{DateTime, Utc};
use daybook_domain::policy::{self, Action, Actor, Demand, Denied};
use uuid::Uuid;

use crate::error::Refusal;

/// What comes with every command.
#[derive(Debug, Clone)]
pub struct Context {
    pub actor: Actor,
    /// UUIDv7, made once: the ids of the command's events are derived from it and survive retries.
    pub command_id: Uuid,
    /// Goes into the metadata of the events, to follow a request through everything that it causes: what a reaction
    /// commands has the request of the event that it reacts to.
    pub request_id: String,
    /// The event that a reaction reacts to.
    pub cause: Option<Uuid>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
    pub deadline: Instant,
    /// The time of the request, taken once: deciding again comes to the same.
    pub now: DateTime<Utc>,
    pub key: Option<IdempotencyKey>,
    /// The versions, one of which the thing must still have.
    pub if_match: Option<Vec<i64>>,
}

/// SHA-256.
pub type Fingerprint = [u8; 32];

/// A caller's name for one request, so that it can be repeated without being done twice.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub key: String,
    /// SHA-256 of method, path and body, as release 0.1 told requests apart. `None`: it didn't come over HTTP.
    pub http_fingerprint: Option<Fingerprint>,
}

impl Context {
    /// What is stored with each event of the command: a flat JSON object of strings.
    pub(crate) fn metadata(&self) -> String {
        let mut metadata = BTreeMap::from([
            ("actor", self.actor.subject.as_str()),
            ("request_id", self.request_id.as_str()),
        ]);
        let cause = self.cause.map(|event| event.to_string());
        if let Some(cause) = &cause {
            metadata.insert("cause", cause);
        }
        if let Some(traceparent) = &self.traceparent {
            metadata.insert("traceparent", traceparent);
        }
        serde_json::to_string(&metadata).expect("strings serialize")
    }

    /// Refuses if the caller may do this to nothing at all, not even to what is their own.
    pub fn check_door(&self, action: Action) -> Result<(), Refusal> {
        policy::may_ever(&self.actor, action).map_err(|denied| refusal(denied, action))
    }

    pub fn check_demands(&self, demands: &[Demand]) -> Result<(), Refusal> {
        demands.iter().try_for_each(|demand| self.check(demand.action, demand.owner.as_deref()))
    }

    /// Refuses if the caller may not do this to a thing of `owner`.
    pub fn check(&self, action: Action, owner: Option<&str>) -> Result<(), Refusal> {
        policy::authorize(&self.actor, action, owner).map_err(|denied| refusal(denied, action))
    }
}

fn refusal(denied: Denied, action: Action) -> Refusal {
    match denied {
        Denied::Forbidden => Refusal::forbidden(action.rule().name),
        Denied::Hidden => Refusal::not_found(),
    }
}
