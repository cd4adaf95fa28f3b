//! The OpenAPI document: what the routes say of themselves, and what is the same for all of them.

mod bounds;
mod events;
mod examples;
mod headers;
mod problems;

use std::collections::BTreeMap;

use daybook_core::reads::Access;
use daybook_domain::policy::{Action, Own, Role};
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{
    about::Kind,
    problem::{FieldProblem, MEDIA_TYPE, ProblemCode, ProblemSchema},
    route::{Door, Route},
    tags,
};

const DESCRIPTION: &str = "Commands answer when what they did is durable; queries follow a moment later. \
    Send the `Daybook-Position` of a command's answer as `Daybook-Min-Position` of a query to see what it did. \
    Money is in integer minor units. Clients ignore members that they don't know.";

/// The name of the one way to authenticate.
const BEARER: &str = "bearer";
const ABOUT_TOKENS: &str = "A JSON Web Token of this server or of the issuer that it trusts, checked as RFC8725 \
    says: one algorithm for each key, issuer, audience and times. It is never a part of an address.";

/// Answers that operations share, by their names.
type Shared = BTreeMap<String, Value>;

/// The document of these routes, which are those of one listener.
pub fn document(routes: &[Route]) -> Value {
    let is_internal = routes.iter().any(|route| route.path.starts_with("/admin/"));
    let mut schemas = BTreeMap::<String, Value>::new();
    let mut add = |name: String, schema: RefOr<Schema>| {
        schemas.insert(name, serde_json::to_value(schema).expect("a schema serializes"));
    };
    let mut shared = Shared::new();
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for route in routes {
        route.about.schemas.iter().for_each(|(name, schema)| add(name.clone(), schema.clone()));
        let method = route.method.as_str().to_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route, &mut shared));
    }
    for (name, schema) in [
        (ProblemSchema::name(), ProblemSchema::schema()),
        (ProblemCode::name(), ProblemCode::schema()),
        (FieldProblem::name(), FieldProblem::schema()),
    ] {
        add(name.into_owned(), schema);
    }
    events::tell_apart(&mut schemas);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": if is_internal { "Daybook, for operators" } else { "Daybook" },
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{
            "url": "/",
            "description": "The listener that this document comes from, in development as in production.",
            "x-internal": is_internal,
        }],
        "tags": tags_of(routes),
        "paths": paths,
        "components": {
            "securitySchemes": { BEARER: {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": ABOUT_TOKENS,
            } },
            "parameters": headers::parameters(),
            "headers": headers::responses(),
            "responses": shared,
            "schemas": schemas,
        },
    });
    leave_used(&mut document);
    bounds::complete(&mut document);
    examples::complete(&mut document);
    document
}

/// Leaves those headers and parameters that this listener's routes have.
fn leave_used(document: &mut Value) {
    let text = document.to_string();
    for kind in ["parameters", "headers"] {
        if let Some(all) = document["components"][kind].as_object_mut() {
            all.retain(|name, _| text.contains(&format!("\"#/components/{kind}/{name}\"")));
        }
    }
}

fn tags_of(routes: &[Route]) -> Vec<Value> {
    let mut names: Vec<&str> = routes.iter().map(|route| tags::of(route.path)).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    names.into_iter().map(|name| json!({ "name": name, "description": tags::description(name) })).collect()
}

/// A route as it describes itself, with what follows from its kind and its door.
fn operation(route: &Route, shared: &mut Shared) -> Value {
    let about = &route.about;
    let mut operation = serde_json::to_value(&about.operation).expect("an operation serializes");
    operation["description"] = description(route).into();
    operation["security"] = security(about.kind);
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let in_path = parameters.iter().any(|parameter| parameter["in"] == "path");
    let codes = about.kind.codes(in_path, about.operation.request_body.is_some());
    for (name, required) in headers::sent_to(about.kind) {
        let name = headers::parameter_name(name, required);
        parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
    }
    operation["parameters"] = parameters.into();
    let mut responses = operation["responses"].as_object().cloned().unwrap_or_default();
    for (media_type, part) in &about.streams {
        responses["200"]["content"][media_type]["schema"]["contentSchema"] = json!(part);
    }
    for (status, response) in &mut responses {
        response["headers"] = told(route, status.parse().unwrap_or_default()).into();
    }
    if matches!(about.kind, Kind::Read(_) | Kind::Document) {
        let unchanged =
            json!({ "description": "What you have is still right.", "headers": told(route, 304) });
        responses.insert("304".into(), unchanged);
    }
    for (status, codes) in problems::by_status(&codes) {
        let mut answer = problems::answer(&told(route, status), &codes);
        if matches!(about.kind, Kind::Page { .. }) {
            answer["content"]["text/html"] = problems::as_page();
        }
        // It fails in a form of its own, too.
        if let Some(own) = responses.get_mut(&status.to_string()) {
            own["content"][MEDIA_TYPE] = answer["content"][MEDIA_TYPE].clone();
            continue;
        }
        let answer = match problems::shared_name(route, status, &codes) {
            None => answer,
            Some(name) => {
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                shared.insert(name, answer);
                reference
            }
        };
        responses.insert(status.to_string(), answer);
    }
    operation["responses"] = responses.into();
    operation
}

fn told(route: &Route, status: u16) -> Map<String, Value> {
    let reference = |name| json!({ "$ref": format!("#/components/headers/{name}") });
    headers::told_by(route, status).into_iter().map(|name| (name.to_owned(), reference(name))).collect()
}

fn security(kind: Kind) -> Value {
    let (nothing, bearer) = (json!({}), json!({ BEARER: [] }));
    match kind {
        Kind::Page { .. } | Kind::Document | Kind::Probe => json!([nothing]),
        Kind::Identity { needs_token: false, .. } => json!([nothing]),
        Kind::Graph | Kind::Read(Access::Public(_)) => json!([nothing, bearer]),
        _ => json!([bearer]),
    }
}

/// What the route says of itself beside its summary, and who may use it.
fn description(route: &Route) -> String {
    let own = route.about.operation.description.as_deref().unwrap_or_default();
    let own = own.trim_end_matches('.');
    let whose = match route.door {
        Door::Probe => "It needs no token and has no limit".to_owned(),
        Door::Open => "It needs no token".to_owned(),
        Door::Known => "It needs a token, whatever its roles are".to_owned(),
        Door::Action(action) => needs(action),
        Door::Access(Access::Public(action)) => {
            format!("It needs no token; with the permission `{}` more is shown", action.rule().name)
        }
        Door::Access(Access::Rule { all, part, own }) => {
            let all = (all != own).then(|| format!("Who has `{}` is shown all of them", all.rule().name));
            let part =
                part.map(|part| format!("With the permission `{}` a part of it is shown", part.rule().name));
            [Some(needs(own)), all, part].into_iter().flatten().collect::<Vec<_>>().join(". ")
        }
    };
    let sentences = [own, &whose].into_iter().filter(|sentence| !sentence.is_empty());
    sentences.map(|sentence| format!("{sentence}.")).collect::<Vec<_>>().join(" ")
}

fn needs(action: Action) -> String {
    let rule = action.rule();
    let roles: Vec<&str> = rule.roles.iter().chain([&Role::Admin]).map(|role| role.as_str()).collect();
    let own = match rule.own {
        Own::No => "",
        Own::Customer => "; customers have it for what is their own",
        Own::Anyone => "; everyone with a token has it for what is their own",
    };
    format!("It needs the permission `{}` ({}){own}", rule.name, roles.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{problem, routes};

    fn documents() -> [Value; 3] {
        [routes::api(), routes::admin(), routes::telemetry()].map(|routes| document(&routes))
    }

    fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
        let paths = document["paths"].as_object().expect("paths").iter();
        paths.flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        for document in documents() {
            assert_eq!(document["openapi"], "3.1.0");
            let text = document.to_string();
            for reference in text.split("\"$ref\":\"#").skip(1) {
                let pointer = reference.split('"').next().unwrap_or_default();
                assert!(document.pointer(pointer).is_some(), "{pointer}");
            }
        }
    }

    /// The schema has to repeat the number, because its macro takes no constant.
    #[test]
    fn an_order_has_as_many_lines_as_the_domain_says() {
        let [document, ..] = documents();
        let lines = &document["components"]["schemas"]["PlaceOrder"]["properties"]["lines"];
        assert_eq!(
            (&lines["minItems"], &lines["maxItems"]),
            (&1.into(), &daybook_domain::order::MAX_LINES.into())
        );
        let index = &document["components"]["schemas"]["CancelLineByIndex"]["properties"]["line"];
        assert_eq!(index["maximum"], daybook_domain::order::MAX_LINES - 1);
    }

    #[test]
    fn every_code_in_the_document_has_the_status_under_which_it_stands() {
        let mut seen = 0;
        for document in documents() {
            for (name, operation) in operations(&document) {
                for (status, response) in operation["responses"].as_object().expect("responses") {
                    let response = match response["$ref"].as_str() {
                        Some(reference) => document.pointer(&reference[1..]).expect("it is there"),
                        None => response,
                    };
                    let codes =
                        response.pointer("/content/application~1problem+json/schema/properties/code/enum");
                    for code in codes.and_then(Value::as_array).into_iter().flatten() {
                        let code = problem::find(code.as_str().expect("text")).expect("a code");
                        assert_eq!(problem::status(code.kind()).as_str(), status, "{name}: {code}");
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn every_operation_has_its_own_name_a_group_and_a_description() {
        for document in documents() {
            let mut names: Vec<_> =
                operations(&document).map(|(_, operation)| &operation["operationId"]).collect();
            let count = names.len();
            names.sort_by_key(|name| name.to_string());
            names.dedup();
            assert_eq!(names.len(), count);
            let groups: Vec<_> =
                document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
            for (name, operation) in operations(&document) {
                assert!(groups.contains(&&operation["tags"][0]), "{name}");
                assert!(operation["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
            }
        }
    }

    #[test]
    fn probes_are_described_as_probes() {
        for route in [routes::api(), routes::admin(), routes::telemetry()].into_iter().flatten() {
            let (door, kind) = (matches!(route.door, Door::Probe), matches!(route.about.kind, Kind::Probe));
            assert_eq!(door, kind, "{}", route.path);
        }
    }

    /// Each of the listener's contents with all its examples, those of shared answers too.
    fn contents(document: &Value) -> Vec<(String, &Value)> {
        let mut places: Vec<(String, &Value)> = Vec::new();
        for (name, operation) in operations(document) {
            places.extend(operation.get("requestBody").map(|body| (name.clone(), body)));
            let responses = operation["responses"].as_object().expect("responses").iter();
            places.extend(responses.map(|(status, response)| (format!("{name} {status}"), response)));
        }
        let shared = document["components"]["responses"].as_object().expect("answers").iter();
        places.extend(shared.map(|(name, response)| (name.clone(), response)));
        let contents = places.into_iter().flat_map(|(name, place)| {
            let contents = place["content"].as_object().into_iter().flatten();
            contents.map(move |(form, content)| (format!("{name} {form}"), content))
        });
        contents.collect()
    }

    #[test]
    fn every_body_and_answer_has_an_example_that_fits_its_schema() {
        let mut seen = 0;
        for document in documents() {
            for (name, content) in contents(&document) {
                let schema = json!({ "allOf": [content["schema"]], "components": document["components"] });
                let schema = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema);
                let schema = schema.expect("a schema");
                let several = content["examples"].as_object().into_iter().flatten();
                let examples = several.map(|(_, example)| &example["value"]).chain(content.get("example"));
                let before = seen;
                for example in examples {
                    let mistakes: Vec<_> =
                        schema.iter_errors(example).map(|error| error.to_string()).collect();
                    assert!(mistakes.is_empty(), "{name}: {example}: {mistakes:?}");
                    seen += 1;
                }
                assert!(seen > before, "{name} has no example");
            }
        }
        assert!(seen > 200, "{seen}");
    }
}
