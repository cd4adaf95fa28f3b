//! Refusals and failures in the document: an answer for each status, with the codes that it may have.

use std::collections::BTreeMap;

use actix_web::http::Method;
use daybook_domain::Code;
use serde_json::{Map, Value, json};

use crate::{
    about::Kind,
    problem::{self, MEDIA_TYPE},
    route::Route,
};

/// Statuses whose codes are those of one operation. Answers with others are alike for many operations.
const OWN: [u16; 2] = [409, 422];

/// The codes of an operation by their status.
pub fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut all: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let of_status = all.entry(problem::status(code.kind()).as_u16()).or_default();
        if !of_status.contains(code) {
            of_status.push(*code);
        }
    }
    all
}

/// The name of an answer that operations share, if they do.
pub fn shared_name(route: &Route, status: u16, codes: &[Code]) -> Option<String> {
    if OWN.contains(&status) {
        return None;
    }
    let codes: Vec<String> = codes.iter().map(|code| camel_case(code.as_str())).collect();
    let whose = match (route.about.kind, &route.method) {
        (Kind::Probe, _) => "OfProbe",
        (Kind::Page { .. }, _) => "OfPage",
        (_, &Method::PATCH) if status == 415 => "OfPatch",
        _ => "",
    };
    Some(format!("{}{whose}", codes.join("Or")))
}

fn camel_case(name: &str) -> String {
    let word =
        |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('_').map(word).collect()
}

/// The same as people see it, at an address that is for browsers.
pub fn as_page() -> Value {
    json!({ "schema": { "type": "string" }, "example": "<!doctype html><html lang=\"en\">" })
}

/// An answer with one of these codes.
pub fn answer(headers: &Map<String, Value>, codes: &[Code]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let description: Vec<String> = codes.iter().map(|code| format!("{} (`{code}`)", code.title())).collect();
    let example = |code: &Code| {
        let example = json!({ "summary": code.title(), "value": problem::example(*code) });
        (code.to_string(), example)
    };
    json!({
        "description": format!("{}.", description.join(", or ")),
        "headers": headers,
        "content": { MEDIA_TYPE: {
            // Generators of clients take the type that is named, and leave what stands beside its name to validators. So
            // all problems are one type for them.
            "schema": {
                "$ref": "#/components/schemas/Problem",
                "properties": { "code": { "type": "string", "enum": names } },
            },
            "examples": codes.iter().map(example).collect::<Map<_, _>>(),
        } },
    })
}
