//! What schemas leave out that follows from their types: the bounds of numbers and texts, which the types behind them
//! keep, and that an object of which nothing is said may have any members.

use serde_json::Value;

/// Adds what is missing in all schemas.
pub fn complete(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(complete),
        Value::Object(members) => {
            if is_of(members.get("type"), "integer") {
                complete_integer(value);
            } else if is_of(members.get("type"), "string") {
                complete_text(value);
            } else if is_of(members.get("type"), "object") {
                complete_object(value);
            }
            for (name, member) in value.as_object_mut().into_iter().flatten() {
                if !matches!(name.as_str(), "example" | "examples") {
                    complete(member);
                }
            }
        }
        _ => {}
    }
}

/// Whether a `type` has that word, alone or beside `null`.
fn is_of(types: Option<&Value>, name: &str) -> bool {
    match types {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

fn complete_integer(schema: &mut Value) {
    let maximum = schema["maximum"].as_i64();
    if schema["format"].is_null() {
        let is_small = maximum.is_some_and(|maximum| i32::try_from(maximum).is_ok());
        schema["format"] = if is_small { "int32" } else { "int64" }.into();
    }
    let (least, greatest) = match schema["format"].as_str() {
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    if schema["minimum"].is_null() {
        schema["minimum"] = least.into();
    }
    if schema["maximum"].is_null() {
        schema["maximum"] = greatest.into();
    }
}

fn complete_text(schema: &mut Value) {
    let longest = match schema["format"].as_str() {
        // Nine digits of a second, and an offset.
        Some("date-time") => 35,
        Some("date") => 10,
        Some("uuid") => 36,
        _ => return,
    };
    if schema["maxLength"].is_null() {
        schema["maxLength"] = longest.into();
    }
}

/// One of which nothing is said may have any members. Some generators of clients would take it for one that has none.
fn complete_object(schema: &mut Value) {
    let has_no_members = schema["properties"].as_object().is_none_or(|properties| properties.is_empty());
    if has_no_members && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = true.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_has_the_bounds_of_its_format_unless_it_has_others() {
        let mut schema = json!({ "properties": {
            "type": { "type": "integer", "format": "int32", "minimum": 0 },
            "small": { "type": ["integer", "null"], "minimum": 1, "maximum": 100 },
            "large": { "type": "integer" },
        } });
        complete(&mut schema);
        let expected = json!({ "properties": {
            "type": { "type": "integer", "format": "int32", "minimum": 0, "maximum": i32::MAX },
            "small": { "type": ["integer", "null"], "format": "int32", "minimum": 1, "maximum": 100 },
            "large": { "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX },
        } });
        assert_eq!(schema, expected);
    }
}
