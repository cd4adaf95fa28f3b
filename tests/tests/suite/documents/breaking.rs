//! What clients of the last release rely on is still there. A release copies each `openapi.json` to the
//! `released.json` beside it.

use serde_json::{Value, json};

use super::{
    DOCUMENTS,
    schemas::{Comparison, Way},
};

/// What a client of the first document can't do with the second one any more.
fn broken(before: &Value, after: &Value) -> Vec<String> {
    let mut comparison = Comparison::new(before, after);
    for (path, item) in members(&before["paths"]) {
        for (method, was) in members(item) {
            let place = format!("{} {path}", method.to_uppercase());
            match after["paths"][path].get(method) {
                None => comparison.say(&place, "is gone"),
                Some(is) => operation(&mut comparison, &place, was, is),
            }
        }
    }
    // Generated code calls them by these names.
    for (name, _) in members(&before["components"]["schemas"]) {
        if after["components"]["schemas"].get(name).is_none() {
            comparison.say(&format!("the schema {name}"), "is gone");
        }
    }
    comparison.found
}

fn operation(comparison: &mut Comparison<'_>, place: &str, was: &Value, is: &Value) {
    if was["operationId"] != is["operationId"] {
        comparison.say(place, format!("was {} and is {}", was["operationId"], is["operationId"]));
    }
    let needs_token = |operation: &Value| {
        let ways = operation["security"].as_array();
        ways.is_some_and(|ways| ways.iter().all(|way| way != &json!({})))
    };
    if needs_token(is) && !needs_token(was) {
        comparison.say(place, "needs a token");
    }
    parameters(comparison, place, was, is);
    body(comparison, place, &was["requestBody"], &is["requestBody"]);
    for (status, was) in members(&was["responses"]) {
        let place = format!("{place} {status}");
        match is["responses"].get(status) {
            None => comparison.say(&place, "is gone"),
            Some(is) => answer(comparison, &place, was, is),
        }
    }
}

fn parameters(comparison: &mut Comparison<'_>, place: &str, was: &Value, is: &Value) {
    let all = |document: &Value, operation: &Value| -> Vec<Value> {
        let parameters = operation["parameters"].as_array();
        parameters.into_iter().flatten().map(|parameter| target(document, parameter)).collect()
    };
    let (was, is) = (all(comparison.before, was), all(comparison.after, is));
    let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let name = |parameter: &Value| format!("{place} {}", parameter["name"].as_str().unwrap_or_default());
    for was in &was {
        match is.iter().find(|is| same(was, is)) {
            None => comparison.say(&name(was), "is gone"),
            Some(is) => comparison.schemas(&name(was), &was["schema"], &is["schema"], Way::Sent),
        }
    }
    for is in is.iter().filter(|is| is["required"] == true) {
        if !was.iter().any(|was| same(was, is) && was["required"] == true) {
            comparison.say(&name(is), "has to be given");
        }
    }
}

fn body(comparison: &mut Comparison<'_>, place: &str, was: &Value, is: &Value) {
    let place = format!("{place} body");
    if is["required"] == true && was["required"] != true {
        comparison.say(&place, "has to be given");
    }
    contents(comparison, &place, &was["content"], &is["content"], Way::Sent);
}

fn answer(comparison: &mut Comparison<'_>, place: &str, was: &Value, is: &Value) {
    let (was, is) = (target(comparison.before, was), target(comparison.after, is));
    for (name, header) in members(&was["headers"]) {
        let is_sure = |document: &Value, header: &Value| target(document, header)["required"] == true;
        match is["headers"].get(name) {
            None => comparison.say(&format!("{place} {name}"), "is gone"),
            Some(now) => {
                if is_sure(comparison.before, header) && !is_sure(comparison.after, now) {
                    comparison.say(&format!("{place} {name}"), "may be left out");
                }
            }
        }
    }
    contents(comparison, place, &was["content"], &is["content"], Way::Got);
}

fn contents(comparison: &mut Comparison<'_>, place: &str, was: &Value, is: &Value, way: Way) {
    for (form, was) in members(was) {
        match is.get(form) {
            None => comparison.say(place, format!("has no {form} any more")),
            Some(is) => comparison.schemas(place, &was["schema"], &is["schema"], way),
        }
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn target(document: &Value, value: &Value) -> Value {
    let reference = value["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
    reference.unwrap_or(value).clone()
}

#[test]
fn clients_of_the_last_release_go_on() {
    for document in DOCUMENTS {
        let read = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(
            broken(&read(document.released), &read(document.under_review)),
            [""; 0],
            "{}",
            document.name
        );
    }
}

/// A small document.
fn before() -> Value {
    json!({
        "paths": {
            "/things/{id}": {
                "get": {
                    "operationId": "getThing",
                    "security": [{}, { "bearer": [] }],
                    "parameters": [
                        { "$ref": "#/components/parameters/min" },
                        { "name": "q", "in": "query", "schema": { "type": "string", "maxLength": 9, "enum": ["a", "b"] } },
                    ],
                    "responses": {
                        "200": {
                            "headers": { "ETag": { "required": true } },
                            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } },
                        },
                        "404": { "content": { "application/problem+json": { "schema": {
                            "$ref": "#/components/schemas/Problem", "properties": { "code": { "enum": ["gone"] } },
                        } } } },
                    },
                },
                "put": {
                    "operationId": "putThing",
                    "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                    "responses": { "204": {} },
                },
            },
        },
        "components": {
            "parameters": { "min": { "name": "min", "in": "header", "required": false, "schema": { "type": "integer" } } },
            "schemas": {
                "Thing": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["id"],
                    "properties": {
                        "id": { "type": "string", "pattern": "^a" },
                        "note": { "type": ["string", "null"], "maxLength": 9 },
                        "size": { "$ref": "#/components/schemas/Size" },
                        "inner": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
                    },
                },
                "Size": { "oneOf": [{ "$ref": "#/components/schemas/Small" }, { "$ref": "#/components/schemas/Large" }] },
                "Small": { "type": "object", "properties": { "kind": { "const": "small" } } },
                "Large": { "type": "object", "properties": { "kind": { "const": "large" } } },
                "Problem": { "type": "object", "required": ["code"], "properties": { "code": { "enum": ["gone", "bad"] } } },
            },
        },
    })
}

/// The document with another value in a place; one that is null goes.
fn changed(pointer: &str, value: Value) -> Value {
    let mut after = before();
    let (place, name) = pointer.rsplit_once('/').unwrap();
    let place = after.pointer_mut(place).unwrap();
    let name = name.replace("~1", "/");
    match place {
        Value::Array(items) => match name.as_str() {
            "-" => items.push(value),
            index if value.is_null() => drop(items.remove(index.parse().unwrap())),
            index => items[index.parse::<usize>().unwrap()] = value,
        },
        place if value.is_null() => drop(place.as_object_mut().unwrap().remove(&name).unwrap()),
        place => place[name] = value,
    }
    after
}

const GET: &str = "/paths/~1things~1{id}/get";
const PUT: &str = "/paths/~1things~1{id}/put";
const SCHEMAS: &str = "/components/schemas";

#[test]
fn what_breaks_a_client_is_found() {
    let null = || Value::Null;
    let text = || json!({ "type": "string" });
    for (place, value, expected) in [
        (PUT.to_owned(), null(), &["PUT /things/{id} is gone"][..]),
        (
            format!("{GET}/operationId"),
            json!("thing"),
            &["GET /things/{id} was \"getThing\" and is \"thing\""],
        ),
        (format!("{GET}/security/0"), null(), &["GET /things/{id} needs a token"]),
        (format!("{GET}/parameters/1"), null(), &["GET /things/{id} q is gone"]),
        (format!("{GET}/parameters/1/required"), json!(true), &["GET /things/{id} q has to be given"]),
        (
            "/components/parameters/min/required".into(),
            json!(true),
            &["GET /things/{id} min has to be given"],
        ),
        (format!("{GET}/parameters/1/schema/enum/0"), null(), &["GET /things/{id} q has no \"a\" any more"]),
        (
            format!("{GET}/parameters/1/schema/maxLength"),
            json!(8),
            &["GET /things/{id} q has another maxLength: Some(9.0), Some(8.0)"],
        ),
        (
            "/components/parameters/min/schema/type".into(),
            json!("string"),
            &["GET /things/{id} min was \"integer\" and is \"string\""],
        ),
        (
            "/components/parameters/min/schema/format".into(),
            json!("int32"),
            &["GET /things/{id} min had the format null and has \"int32\""],
        ),
        (
            "/components/parameters/min/schema/minimum".into(),
            json!(1),
            &["GET /things/{id} min has another minimum: None, Some(1.0)"],
        ),
        (
            format!("{GET}/parameters/-"),
            json!({ "name": "new", "in": "query", "required": true, "schema": text() }),
            &["GET /things/{id} new has to be given"],
        ),
        (format!("{PUT}/requestBody/required"), json!(true), &["PUT /things/{id} body has to be given"]),
        (
            format!("{PUT}/requestBody/content/application~1json"),
            null(),
            &["PUT /things/{id} body has no application/json any more"],
        ),
        (format!("{GET}/responses/404"), null(), &["GET /things/{id} 404 is gone"]),
        (format!("{GET}/responses/200/headers/ETag"), null(), &["GET /things/{id} 200 ETag is gone"]),
        (
            format!("{GET}/responses/200/headers/ETag/required"),
            json!(false),
            &["GET /things/{id} 200 ETag may be left out"],
        ),
        (
            format!("{GET}/responses/200/content/application~1json"),
            null(),
            &["GET /things/{id} 200 has no application/json any more"],
        ),
        (
            format!("{SCHEMAS}/Small"),
            null(),
            &[
                "GET /things/{id} 200.size<Small>.kind is gone",
                "PUT /things/{id} body.size<Small>.kind is gone",
                "the schema Small is gone",
            ],
        ),
        (
            format!("{SCHEMAS}/Thing/properties/note"),
            null(),
            &["GET /things/{id} 200.note is gone", "PUT /things/{id} body.note is gone"],
        ),
        (
            format!("{SCHEMAS}/Thing/required/-"),
            json!("note"),
            &["PUT /things/{id} body.note has to be given"],
        ),
        (format!("{SCHEMAS}/Thing/required/0"), null(), &["GET /things/{id} 200.id may be left out"]),
        (
            format!("{SCHEMAS}/Thing/properties/note/type"),
            json!("string"),
            &["PUT /things/{id} body.note may not be null any more"],
        ),
        (
            format!("{SCHEMAS}/Thing/properties/id/type"),
            json!(["string", "null"]),
            &["GET /things/{id} 200.id may be null"],
        ),
        (
            format!("{SCHEMAS}/Thing/properties/id/pattern"),
            json!("^b"),
            &["PUT /things/{id} body.id had the pattern \"^a\" and has \"^b\""],
        ),
        (
            format!("{SCHEMAS}/Thing/properties/id/type"),
            json!("integer"),
            &[
                "GET /things/{id} 200.id was \"string\" and is \"integer\"",
                "PUT /things/{id} body.id was \"string\" and is \"integer\"",
            ],
        ),
        (
            format!("{SCHEMAS}/Size/oneOf/1"),
            null(),
            // What is left is one form, which not everything that was sent has.
            &["PUT /things/{id} body.size.kind has no \"large\" any more"],
        ),
        (
            format!("{SCHEMAS}/Large/properties/kind"),
            text(),
            &["GET /things/{id} 200.size<Large>.kind may be any word"],
        ),
        (
            format!("{GET}/responses/404/content/application~1problem+json/schema/properties/code/enum"),
            json!(["bad"]),
            &["GET /things/{id} 404.code has no \"gone\" any more"],
        ),
    ] {
        assert_eq!(broken(&before(), &changed(&place, value)), expected, "{place}");
    }
}

#[test]
fn what_is_added_breaks_no_client() {
    let text = || json!({ "type": "string" });
    assert_eq!(broken(&before(), &before()), [""; 0]);
    for (place, value) in [
        (format!("{GET}/summary"), json!("Other words.")),
        ("/paths/~1others".into(), json!({ "get": { "operationId": "getOthers" } })),
        (format!("{GET}/parameters/-"), json!({ "name": "new", "in": "query", "schema": text() })),
        (format!("{GET}/parameters/1/schema/enum/-"), json!("c")),
        (format!("{GET}/parameters/1/schema/maxLength"), json!(10)),
        (format!("{GET}/responses/409"), json!({})),
        (format!("{GET}/responses/200/headers/New"), json!({ "required": true })),
        (format!("{SCHEMAS}/Thing/properties/new"), text()),
        (format!("{SCHEMAS}/Problem/properties/code/enum/-"), json!("new")),
        (format!("{SCHEMAS}/Problem/required/-"), json!("new")),
        (format!("{SCHEMAS}/Size/oneOf/-"), json!({ "type": "object" })),
        (format!("{SCHEMAS}/New"), text()),
    ] {
        assert_eq!(broken(&before(), &changed(&place, value)), [""; 0], "{place}");
    }
}
