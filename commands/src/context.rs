//! Who asks, and under which conditions.

use std::{collections::BTreeMap, time::Instant};

use daybook_domain::policy::{self, Action, Actor, Denied};
use uuid::Uuid;

use crate::outcome::{NotDone, Refusal};

/// What comes with every command.
#[derive(Debug, Clone)]
pub struct Context {
    pub actor: Actor,
    /// UUIDv7, made once: the ids of the command's events are derived from it and survive retries.
    pub command_id: Uuid,
    /// Goes into the metadata of the events, to follow a request through everything that it causes.
    pub request_id: String,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
    pub deadline: Instant,
    pub key: Option<IdempotencyKey>,
    /// The version that the thing must still have.
    pub if_match: Option<i64>,
}

/// A caller's name for one request, so that it can be repeated without being done twice.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub key: String,
    /// SHA-256 of the request: method, path and body.
    pub fingerprint: [u8; 32],
}

impl Context {
    /// What is stored with each event of the command: a flat JSON object of strings.
    pub(crate) fn metadata(&self) -> String {
        let mut metadata = BTreeMap::from([
            ("actor", self.actor.subject.as_str()),
            ("request_id", self.request_id.as_str()),
        ]);
        if let Some(traceparent) = &self.traceparent {
            metadata.insert("traceparent", traceparent);
        }
        serde_json::to_string(&metadata).expect("strings serialize")
    }

    /// Refuses if the caller may not do this to a thing of `owner`.
    pub(crate) fn authorize(&self, action: Action, owner: Option<&str>) -> Result<(), NotDone> {
        self.check(action, owner).map_err(NotDone::Refused)
    }

    pub(crate) fn check(&self, action: Action, owner: Option<&str>) -> Result<(), Refusal> {
        policy::authorize(&self.actor, action, owner).map_err(|denied| match denied {
            Denied::Forbidden => Refusal::forbidden(action.rule().name),
            Denied::Hidden => Refusal::not_found("there is no such thing"),
        })
    }
}
