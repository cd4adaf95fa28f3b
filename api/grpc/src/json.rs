//! Messages as JSON. What is absent in a message is absent there.

use prost_types::{ListValue, Struct, value::Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::{Map, Number, Value};

use crate::protocol::v1::{OrderStatus, ProductStatus};

/// A message as an object. It may have a value that can't be written, such as a time that isn't one.
pub fn object(message: &impl Serialize) -> Result<Map<String, Value>, serde_json::Error> {
    let mut value = serde_json::to_value(message)?;
    prune(&mut value);
    match value {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

/// Takes away what messages can't tell from what is absent: nulls, and lists and maps of nothing.
fn prune(value: &mut Value) {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !is_nothing(member));
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

pub fn details<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Struct>, D::Error> {
    Ok(Option::<Map<String, Value>>::deserialize(deserializer)?.map(of_members))
}

fn of_members(members: Map<String, Value>) -> Struct {
    Struct { fields: members.into_iter().map(|(name, value)| (name, of_value(value))).collect() }
}

fn of_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(it),
        Value::Number(number) => Kind::NumberValue(Number::as_f64(&number).unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(of_value).collect() })
        }
        Value::Object(members) => Kind::StructValue(of_members(members)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Statuses are words in JSON, and names with a prefix here.
const OF_ORDER: &str = "ORDER_STATUS_";
const OF_PRODUCT: &str = "PRODUCT_STATUS_";

pub fn order_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let name = name(OF_ORDER, &String::deserialize(deserializer)?);
    Ok(OrderStatus::from_str_name(&name).unwrap_or_default().into())
}

pub fn product_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let name = name(OF_PRODUCT, &String::deserialize(deserializer)?);
    Ok(ProductStatus::from_str_name(&name).unwrap_or_default().into())
}

fn name(prefix: &str, word: &str) -> String {
    format!("{prefix}{}", word.to_uppercase())
}

pub fn wanted_status<S: Serializer>(status: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(number) = status else { return serializer.serialize_none() };
    let status = OrderStatus::try_from(*number).ok().filter(|it| *it != OrderStatus::Unspecified);
    let status = status.ok_or_else(|| S::Error::custom("status is one of OrderStatus"))?;
    status.as_str_name().trim_start_matches(OF_ORDER).to_lowercase().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use daybook_domain::{order, product};

    use super::*;

    #[test]
    fn every_status_has_a_name() {
        for word in order::Status::WORDS {
            assert!(OrderStatus::from_str_name(&name(OF_ORDER, word)).is_some(), "{word}");
        }
        for word in product::Status::WORDS {
            assert!(ProductStatus::from_str_name(&name(OF_PRODUCT, word)).is_some(), "{word}");
        }
    }

    #[test]
    fn what_is_absent_in_a_message_is_absent_in_json() {
        let mut value = serde_json::json!({ "a": null, "b": [], "c": {}, "d": "", "e": [{ "f": null }] });
        prune(&mut value);
        assert_eq!(value, serde_json::json!({ "d": "", "e": [{}] }));
    }
}
