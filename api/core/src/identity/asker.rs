//! Who asks something of accounts, and from where.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use daybook_commands::Context;
use daybook_domain::policy::Actor;

use crate::{auth::LogIn, entropy};

#[derive(Debug, Clone)]
pub struct Asker {
    pub request_id: String,
    pub traceparent: Option<String>,
    pub address: Option<IpAddr>,
    /// What the client says that it is.
    pub user_agent: Option<String>,
    pub deadline: Instant,
    pub now: DateTime<Utc>,
    /// `None`: there is no token.
    pub actor: Option<Arc<Actor>>,
    pub log_in: Option<LogIn>,
}

/// How long a command may take that is not asked by anyone who waits.
const LATER: Duration = Duration::from_secs(20);

impl Asker {
    /// Someone who asked with that request, when it is done later.
    pub fn later(request_id: String, now: DateTime<Utc>) -> Self {
        Self {
            request_id,
            traceparent: None,
            address: None,
            user_agent: None,
            deadline: Instant::now() + LATER,
            now,
            actor: None,
            log_in: None,
        }
    }

    /// Who they say that they are.
    pub fn subject(&self) -> Option<&str> {
        self.actor.as_ref().map(|actor| actor.subject.as_str())
    }

    /// What comes with a command of theirs, or, if they have no token, of this system's on their behalf.
    pub fn context(&self) -> Context {
        let actor = self.actor.as_deref().cloned().unwrap_or_else(system);
        self.context_as(actor)
    }

    /// The same, if it is this system that does something because of them.
    pub fn context_as(&self, actor: Actor) -> Context {
        Context {
            actor,
            command_id: entropy::new_id(),
            request_id: self.request_id.clone(),
            cause: None,
            traceparent: self.traceparent.clone(),
            deadline: self.deadline,
            now: self.now,
            key: None,
            if_match: None,
        }
    }
}

/// This system as an actor.
pub fn system() -> Actor {
    Actor::system("daybook")
}
