//! A type of public event, and how its payload is made from what is stored.

use std::borrow::Cow;

use serde_json::{Value, value::RawValue};

use super::fields::{self, Field, Fit};
use crate::{
    Record,
    upcast::{Step, upcast},
};

/// A type of public event.
#[derive(Debug)]
pub struct PublicType {
    /// A promise, like the version and the fields: never change one, raise the version.
    pub name: &'static str,
    /// Its name for webhooks; `None` if webhooks don't carry it.
    pub webhook: Option<&'static str>,
    /// The version of the payload's shape, from 1. It is not the version of what is stored.
    pub version: u16,
    pub description: &'static str,
    /// The payload's members.
    pub fields: &'static [Field],
    /// The name of the stored event that it is made from.
    pub(super) stored: &'static str,
    /// Makes the public payload from the one that is stored today; `None` if they are the same but for
    /// members that aren't public.
    pub(super) adapt: Option<fn(&mut Value)>,
}

/// Says that something is at its place in the log, and nothing else: no payload, no metadata.
pub const INTERNAL: PublicType = PublicType {
    name: "Internal",
    webhook: None,
    version: 1,
    description: "Something that is not public, or that this release doesn't know.",
    fields: &[],
    stored: "",
    adapt: None,
};

/// A type whose payload is the stored one, as long as that doesn't change.
pub(super) const fn as_stored(
    name: &'static str,
    webhook: &'static str,
    description: &'static str,
    fields: &'static [Field],
) -> PublicType {
    PublicType { name, webhook: Some(webhook), version: 1, description, fields, stored: name, adapt: None }
}

impl PublicType {
    /// `None`, if what is stored isn't what this release takes it for.
    pub(super) fn payload<'a>(&self, steps: &[Step], record: &'a Record) -> Option<Cow<'a, RawValue>> {
        let stored = record.payload.get();
        if !stored.starts_with('{') {
            return None;
        }
        let version = record.event_version.parse().ok()?;
        let (reached, mut payload) = upcast(steps, self.stored, version, stored).ok()?;
        if reached != version_today(steps, self.stored) {
            return None;
        }
        if let Some(adapt) = self.adapt {
            let mut value = serde_json::from_str(&payload).ok()?;
            adapt(&mut value);
            payload = Cow::Owned(value.to_string());
        }
        if fields::fit(self.fields, &payload)? == Fit::Wider {
            payload = Cow::Owned(fields::narrowed(self.fields, &payload)?);
        }
        match payload {
            Cow::Borrowed(_) => Some(Cow::Borrowed(&record.payload)),
            Cow::Owned(text) => RawValue::from_string(text).ok().map(Cow::Owned),
        }
    }
}

/// The version to which the steps lead.
fn version_today(steps: &[Step], name: &str) -> u16 {
    steps.iter().filter(|step| step.name == name).map(|step| step.from + 1).max().unwrap_or(1)
}
