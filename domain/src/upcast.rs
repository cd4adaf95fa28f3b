//! Old stored shapes become today's while they are read; what is stored never changes.
//!
//! A step takes one event from a version to the next one, and an event walks through as many as it
//! needs. Each kind of event lists its own ([`Event::STEPS`](crate::Event::STEPS)), and there is one
//! reader, [`decode`](crate::stored::decode): committer, projections, reactions and history all come
//! through it.

use std::borrow::Cow;

use serde_json::Value;

/// Leads away from one version of one event.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The event's stored name.
    pub name: &'static str,
    /// The version that the step starts from; it leads to the next one.
    pub from: u16,
    /// Total: whatever was once stored is an object of that version.
    pub change: fn(&mut Value),
}

/// Brings a stored payload as far as steps lead, and says to which version. The usual case, nothing to
/// do, costs no copy.
pub fn upcast<'a>(
    steps: &[Step],
    name: &str,
    mut version: u16,
    payload: &'a str,
) -> Result<(u16, Cow<'a, str>), serde_json::Error> {
    let mut today = Cow::Borrowed(payload);
    while let Some(step) = steps.iter().find(|step| step.name == name && step.from == version) {
        let mut value: Value = serde_json::from_str(&today)?;
        (step.change)(&mut value);
        today = Cow::Owned(value.to_string());
        version += 1;
    }
    Ok((version, today))
}
