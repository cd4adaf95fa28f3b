//! Old stored shapes become today's while they are read; what is stored never changes.
//!
//! A step takes one event from version n to n + 1. Steps are listed by kind and name, and an event
//! walks through as many as it needs.

use std::borrow::Cow;

use serde_json::Value;

/// From the version that stands in the key to the next one.
type Step = fn(Value) -> Value;

/// `(kind, name, version)` → the step that leads away from that version.
///
/// Every event still has its first shape, so the list is empty.
const STEPS: &[(&str, &str, u16, Step)] = &[];

/// Brings a stored payload to today's shape. The usual case, nothing to do, costs no copy.
pub fn upcast<'a>(
    kind: &str,
    name: &str,
    version: u16,
    payload: Cow<'a, str>,
) -> Result<Cow<'a, str>, String> {
    walk(STEPS, kind, name, version, payload)
}

fn walk<'a>(
    steps: &[(&str, &str, u16, Step)],
    kind: &str,
    name: &str,
    mut version: u16,
    mut payload: Cow<'a, str>,
) -> Result<Cow<'a, str>, String> {
    while let Some((.., step)) = steps.iter().find(|(k, n, v, _)| (*k, *n, *v) == (kind, name, version)) {
        let value: Value = serde_json::from_str(&payload).map_err(|error| error.to_string())?;
        payload = Cow::Owned(step(value).to_string());
        version += 1;
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename_amount(mut value: Value) -> Value {
        let amount = value["amount"].take();
        serde_json::json!({ "quantity": amount })
    }

    fn add_unit(mut value: Value) -> Value {
        value["unit"] = "piece".into();
        value
    }

    #[test]
    fn an_old_shape_walks_through_every_step() {
        let steps: &[(&str, &str, u16, Step)] =
            &[("parcel", "Packed", 1, rename_amount), ("parcel", "Packed", 2, add_unit)];
        let first = walk(steps, "parcel", "Packed", 1, Cow::Borrowed(r#"{"amount":3}"#)).expect("valid JSON");
        assert_eq!(first, r#"{"quantity":3,"unit":"piece"}"#);
        let second =
            walk(steps, "parcel", "Packed", 2, Cow::Borrowed(r#"{"quantity":3}"#)).expect("valid JSON");
        assert_eq!(second, r#"{"quantity":3,"unit":"piece"}"#);
        let other = walk(steps, "parcel", "Sent", 1, Cow::Borrowed("{}")).expect("valid JSON");
        assert_eq!(other, "{}");
    }
}
