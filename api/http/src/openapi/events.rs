//! Public events in the document: a schema for each type, which its `type` tells from the others. What all events have
//! is said where a page of them is, what each payload has is said by the domain; here it is put together.

use std::collections::BTreeMap;

use daybook_domain::published::{self, PUBLIC_METADATA, PublicType};
use serde_json::{Map, Value, json};

use crate::routes::event_types::object;

const EVENT: &str = "Event";
const OWN_DATA: &str = "OwnData";

/// Objects that several payloads have, by their members.
const SHARED: &[(&str, &[&str])] = &[
    ("EventMoney", &["amount", "currency"]),
    ("Parcel", &["line", "quantity", "sku"]),
    ("Sealed", &["data", "key_id"]),
];

type Schemas = BTreeMap<String, Value>;

/// Makes one of several types of what is only an event, if it is among the schemas.
pub fn tell_apart(schemas: &mut Schemas) {
    let Some(mut common) = schemas.get(EVENT).cloned() else { return };
    for (member, name, schema) in [
        ("stream", "StreamName", common["properties"]["stream"].clone()),
        ("metadata", "EventMetadata", metadata()),
    ] {
        common["properties"][member] = reference(name);
        schemas.insert(name.into(), schema);
    }
    let (mut types, mut mapping) = (Vec::new(), Map::new());
    for public in published::types() {
        let name = format!("{}Event", public.name);
        let event = event(public, &common, schemas);
        let reference = reference(&name);
        mapping.insert(public.name.into(), reference["$ref"].clone());
        types.push(reference);
        schemas.insert(name, event);
    }
    let either = json!({
        "description": common["description"],
        "oneOf": types,
        "discriminator": { "propertyName": "type", "mapping": mapping },
    });
    schemas.insert(EVENT.into(), either);
}

fn event(public: &PublicType, common: &Value, schemas: &mut Schemas) -> Value {
    let payload = format!("{}Payload", public.name);
    let mut members = object(public.fields);
    name_members(public.name, &mut members, schemas);
    schemas.insert(payload.clone(), members);
    let mut event = common.clone();
    event["description"] = public.description.into();
    event["properties"]["type"] = json!({ "type": "string", "const": public.name });
    event["properties"]["payload"] = reference(&payload);
    event
}

/// Gives a name to each object that is a member of this one, or in a list that is.
fn name_members(owner: &str, object: &mut Value, schemas: &mut Schemas) {
    let members = object.get_mut("properties").and_then(Value::as_object_mut);
    for (member, schema) in members.into_iter().flatten() {
        let is_list = schema["type"] == "array";
        let inner = if is_list { &mut schema["items"] } else { schema };
        if inner["type"] != "object" {
            continue;
        }
        let name = name_of(owner, member, is_list, inner);
        let mut named = inner.take();
        *inner = reference(&name);
        if let Some(description) = named.as_object_mut().and_then(|named| named.remove("description")) {
            inner["description"] = description;
        }
        name_members(&name, &mut named, schemas);
        schemas.insert(name, named);
    }
}

fn name_of(owner: &str, member: &str, is_list: bool, schema: &Value) -> String {
    let Some(members) = schema["properties"].as_object() else { return OWN_DATA.to_owned() };
    let mut members: Vec<&str> = members.keys().map(String::as_str).collect();
    members.sort_unstable();
    if let Some((name, _)) = SHARED.iter().find(|(_, shared)| *shared == members) {
        return (*name).to_owned();
    }
    let one = if is_list { member.strip_suffix('s').unwrap_or(member) } else { member };
    let words = one.split('_');
    let words = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("{owner}{}", words.collect::<String>())
}

fn metadata() -> Value {
    let text = |name: &&str| ((*name).to_owned(), json!({ "type": "string" }));
    json!({
        "type": "object",
        "description": "Who caused an event, and by which request.",
        "properties": PUBLIC_METADATA.iter().map(text).collect::<Map<_, _>>(),
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two objects of one name would be one of them.
    #[test]
    fn objects_in_payloads_have_names_of_their_own() {
        let mut seen = Schemas::new();
        for public in published::types() {
            let mut of_type = Schemas::new();
            name_members(public.name, &mut object(public.fields), &mut of_type);
            for (name, schema) in of_type {
                let known = seen.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(known, &schema, "{name}");
            }
        }
        let names: Vec<&String> = seen.keys().collect();
        let owned = [
            "AccountKeyIssuedScope",
            "AccountRegisteredRole",
            "EventMoney",
            "OrderPlacedLine",
            "OrderPlacedTerms",
            "OrderPlacedTermsFee",
            "OrderPlacedTermsGroup",
            "OrderPlacedTermsLine",
        ];
        assert_eq!(names, [&owned[..], &[OWN_DATA, "Parcel", "Sealed"]].concat());
    }
}
