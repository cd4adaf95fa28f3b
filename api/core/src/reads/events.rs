//! The events of the log. Interfaces send them in forms of their own, some of which never end, so this is
//! the rule alone.

use daybook_domain::policy::{Action, Actor};

use super::{access::Access, error::ReadError};

/// Reading the log itself: all of it or nothing.
pub struct Events;

impl Events {
    pub const NAME: &'static str = "events";
    pub const ACCESS: Access = Access::rule(Action::ReadEvents);

    pub fn admit(actor: Option<&Actor>) -> Result<(), ReadError> {
        Self::ACCESS.admit(actor).map(|_| ())
    }
}
