//! What the OpenAPI documents promise, and whether an answer is one that they have: its status, its headers, its
//! media type, its code, and all members of its body.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use daybook_http::{openapi, routes};
use jsonschema::{Draft, Validator};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use crate::reply::Reply;

/// Those under review, which are those that are served: no test has to make them.
static API: LazyLock<Document> =
    LazyLock::new(|| Document::read(include_str!("../../api/http/openapi/api.json")));
static ADMIN: LazyLock<Document> =
    LazyLock::new(|| Document::read(include_str!("../../api/http/openapi/admin.json")));
static TELEMETRY: LazyLock<Document> =
    LazyLock::new(|| Document::new(openapi::document(&routes::telemetry())));

/// Headers that say how an answer is carried, which is no business of a document.
const OF_TRANSPORT: [&str; 6] =
    ["connection", "content-encoding", "content-length", "content-type", "date", "transfer-encoding"];

/// Before the name of a schema that others refer to.
const SCHEMAS: &str = "#/components/schemas/";

/// The document of each listener of a server.
pub struct Promised {
    listeners: Vec<(String, &'static LazyLock<Document>)>,
}

struct Document {
    value: Value,
    /// By the text of the schema.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Promised {
    /// By the addresses of the listeners.
    pub fn at(api: String, admin: String, telemetry: String) -> Self {
        Self { listeners: vec![(api, &API), (admin, &ADMIN), (telemetry, &TELEMETRY)] }
    }

    /// # Panics
    /// It panics if the document has no such answer.
    pub fn check(&self, base: &str, method: &str, path: &str, reply: &Reply) {
        let Some((_, document)) = self.listeners.iter().find(|(of, _)| of == base) else { return };
        // What `HEAD` answers is said of `GET`.
        let described = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
        let Some(operation) = document.operation(&described, path) else { return };
        let findings = document.findings(operation, method == "HEAD", reply);
        let (status, body) = (reply.status, reply.text());
        assert!(
            findings.is_empty(),
            "the OpenAPI document does not have this answer: {method} {path}: {status}: {findings:#?}\n{body}"
        );
    }
}

impl Document {
    fn read(text: &str) -> Self {
        Self::new(serde_json::from_str(text).expect("JSON"))
    }

    fn new(value: Value) -> Self {
        Self { value, validators: Mutex::default() }
    }

    /// The operation of a path; one without parameters comes first.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.value["paths"].as_object()?;
        let item = paths
            .get(path)
            .or_else(|| paths.iter().find(|(template, _)| fits(template, path)).map(|(_, item)| item))?;
        item.get(method)
    }

    fn findings(&self, operation: &Value, is_head: bool, reply: &Reply) -> Vec<String> {
        let Some(response) = operation["responses"].get(reply.status.to_string()) else {
            return vec![format!("the status {} is not there", reply.status)];
        };
        let response = self.resolved(response);
        let mut findings = self.of_headers(&response["headers"], &reply.headers);
        // What is compressed is, without that, an answer that is looked into.
        if !is_head && reply.status != 304 && reply.header("content-encoding").is_none() {
            findings.extend(self.of_body(&response["content"], reply));
        }
        findings
    }

    fn of_headers(&self, described: &Value, headers: &HeaderMap) -> Vec<String> {
        let described: HashMap<String, &Value> = described
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, header)| (name.to_lowercase(), self.resolved(header)))
            .collect();
        let missing = described
            .iter()
            .filter(|(name, header)| header["required"] == true && !headers.contains_key(name.as_str()))
            .map(|(name, _)| format!("it lacks the header {name}"));
        let others = headers.iter().filter(|(name, _)| !OF_TRANSPORT.contains(&name.as_str())).flat_map(
            |(name, value)| {
                let Some(header) = described.get(name.as_str()) else {
                    return vec![format!("the header {name} is not there")];
                };
                let text = value.to_str().unwrap_or_default();
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => text.parse::<i64>().map_or(Value::Null, Value::from),
                    _ => text.into(),
                };
                let mistakes = self.mistakes(&header["schema"], &value);
                mistakes.into_iter().map(|mistake| format!("the header {name}: {mistake}")).collect()
            },
        );
        missing.chain(others).collect()
    }

    fn of_body(&self, contents: &Value, reply: &Reply) -> Vec<String> {
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let form = essence(reply.header("content-type").unwrap_or_default());
        // An answer that leads on, say, has neither.
        if contents.is_null() && form.is_empty() && reply.body.is_empty() {
            return vec![];
        }
        let content = contents.as_object().into_iter().flatten().find(|(name, _)| essence(name) == form);
        match content {
            None => vec![format!("the media type {form:?} is not there")],
            Some((_, content)) if form == "application/json" || form.ends_with("+json") => {
                self.mistakes(&content["schema"], &serde_json::from_slice(&reply.body).unwrap_or_default())
            }
            Some(_) => vec![],
        }
    }

    fn mistakes(&self, schema: &Value, value: &Value) -> Vec<String> {
        let errors = self.validator(schema);
        errors.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut named = Map::new();
            self.collect_named(schema, &mut named);
            let whole = json!({ "allOf": [schema], "components": { "schemas": named } });
            let made = jsonschema::options().with_draft(Draft::Draft202012).build(&whole);
            Arc::new(made.unwrap_or_else(|error| panic!("{schema} is no schema: {error}")))
        });
        Arc::clone(validator)
    }

    /// The schemas that this one needs, by their names.
    fn collect_named(&self, schema: &Value, named: &mut Map<String, Value>) {
        match schema {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                if let Some(name) = reference.and_then(|reference| reference.strip_prefix(SCHEMAS))
                    && !named.contains_key(name)
                {
                    let of_that_name = &self.value["components"]["schemas"][name];
                    named.insert(name.to_owned(), of_that_name.clone());
                    self.collect_named(of_that_name, named);
                }
                members.values().for_each(|member| self.collect_named(member, named));
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect_named(item, named)),
            _ => {}
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.value.pointer(pointer)).unwrap_or(value)
    }
}

/// Whether a path is one that a template means.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let is_same =
        |(template, part): (&&str, &&str)| template == part || template.starts_with('{') && !part.is_empty();
    template.len() == path.len() && template.iter().zip(&path).all(is_same)
}
