//! Examples of bodies and answers: put together from those of their parts, each of which stands beside the type.

use serde_json::{Map, Value};

/// How deep values may contain others; a schema that contains itself ends there.
const MAX_DEPTH: usize = 12;

/// Adds an example wherever a body or an answer has none.
pub fn complete(document: &mut Value) {
    let whole = document.clone();
    for item in document["paths"].as_object_mut().into_iter().flatten().map(|(_, item)| item) {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            add_to(&mut operation["requestBody"]["content"], &whole);
            for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                add_to(&mut response["content"], &whole);
            }
            prune(operation);
        }
    }
}

/// Indexing a value for writing makes members of it that are null.
fn prune(operation: &mut Value) {
    if operation["requestBody"]["content"].is_null()
        && let Some(operation) = operation.as_object_mut()
    {
        operation.remove("requestBody");
    }
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if let Some(response) = response.as_object_mut() {
            response.retain(|_, member| !member.is_null());
        }
    }
}

fn add_to(contents: &mut Value, document: &Value) {
    for (_, content) in contents.as_object_mut().into_iter().flatten() {
        if content.get("example").is_none() && content.get("examples").is_none() {
            content["example"] = of(&content["schema"], document);
        }
    }
}

/// An example of a schema.
pub fn of(schema: &Value, document: &Value) -> Value {
    compose(schema, document, MAX_DEPTH)
}

fn compose(schema: &Value, document: &Value, depth: usize) -> Value {
    let (schema, Some(depth)) = (resolved(schema, document), depth.checked_sub(1)) else {
        return Value::Null;
    };
    for given in ["/example", "/examples/0", "/const", "/enum/0"] {
        if let Some(example) = schema.pointer(given) {
            return example.clone();
        }
    }
    let inner = |schema: &Value| compose(schema, document, depth);
    if let Some(all) = schema["allOf"].as_array() {
        let members = all.iter().map(inner).filter_map(|part| part.as_object().cloned()).flatten();
        return members.collect::<Map<_, _>>().into();
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[several].as_array() {
            let first = schemas.iter().find(|schema| schema["type"] != "null");
            return first.map_or(Value::Null, inner);
        }
    }
    match schema["type"].as_str() {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, schema)| (name.clone(), inner(schema))).collect::<Map<_, _>>().into()
        }
        Some("array") => vec![inner(&schema["items"])].into(),
        Some("integer") => schema["minimum"].as_i64().unwrap_or_default().max(1).into(),
        Some("number") => 0.into(),
        Some("boolean") => false.into(),
        Some("string") => of_format(schema["format"].as_str()).into(),
        // It may be null, and has no example of another value.
        _ => Value::Null,
    }
}

fn of_format(format: Option<&str>) -> &'static str {
    match format {
        Some("date-time") => "2030-01-31T12:00:00Z",
        Some("date") => "2030-01-31",
        Some("uuid") => "019b0000-0000-7000-8000-000000000001",
        _ => "",
    }
}

fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(schema)
}
