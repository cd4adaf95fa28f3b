//! Pages for people, made from the OpenAPI document: no script, nothing from elsewhere.

use std::fmt::Write;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::answer;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}code{font:0.9em ui-monospace,monospace;background:#f3f3f3;padding:0 .2em}\
h2{border-top:1px solid #ddd;padding-top:1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #eee}\
.method{font-weight:600}@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}\
code{background:#2a2a2a}a{color:#8bf}th,td{border-color:#333}h2{border-color:#444}}";

/// What is served under `/openapi.json` and `/docs`, made once.
pub struct Documents {
    openapi: Bytes,
    pub page: String,
}

impl Documents {
    pub fn new(document: &Value) -> Self {
        let openapi = serde_json::to_vec(document).expect("a document serializes");
        Self { openapi: openapi.into(), page: render(document) }
    }

    /// The documents of the listener that the request came to.
    pub fn of(request: &HttpRequest) -> &Self {
        request.app_data::<web::Data<Self>>().expect("every listener has its documents")
    }

    pub fn openapi(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header(answer::PUBLIC)
            .body(self.openapi.clone())
    }
}

/// A whole page. `content` is HTML, `title` is text.
pub fn html(title: &str, content: &str) -> HttpResponse {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'");
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body>{content}</body></html>",
        escape(title)
    );
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header(answer::PUBLIC)
        .body(page)
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` in it.
pub fn prose(text: &str) -> String {
    let parts = escape(text);
    let mut html = String::new();
    for (index, part) in parts.split('`').enumerate() {
        html.push_str(match index {
            0 => "",
            _ if index % 2 == 1 => "<code>",
            _ => "</code>",
        });
        html.push_str(part);
    }
    html
}

fn render(document: &Value) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut page = format!(
        "<h1>{} {}</h1><p>{}</p><p>For programs: <a href=\"/openapi.json\">OpenAPI 3.1</a></p>",
        escape(text("/info/title")),
        escape(text("/info/version")),
        prose(text("/info/description"))
    );
    let operations = operations(document);
    page.push_str("<ul>");
    for (method, path, operation) in &operations {
        let _ = write!(
            page,
            "<li><a href=\"#{}\"><span class=\"method\">{method}</span> {}</a> {}</li>",
            anchor(operation),
            escape(path),
            prose(member(operation, "summary"))
        );
    }
    page.push_str("</ul>");
    for (method, path, operation) in &operations {
        render_operation(&mut page, document, method, path, operation);
    }
    page.push_str("<h1>Schemas</h1>");
    for (name, schema) in
        document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten()
    {
        let _ = write!(
            page,
            "<h2 id=\"schema-{0}\">{0}</h2><p>{1}</p>",
            escape(name),
            prose(member(schema, "description"))
        );
        render_schema(&mut page, schema);
    }
    page
}

fn operations(document: &Value) -> Vec<(String, &String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| (method.to_uppercase(), path, operation))
        })
        .collect()
}

fn render_operation(page: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        page,
        "<h2 id=\"{}\"><span class=\"method\">{method}</span> {}</h2><p>{}</p><p>{}</p>",
        anchor(operation),
        escape(path),
        prose(member(operation, "summary")),
        prose(member(operation, "description"))
    );
    page.push_str("<table><tr><th>Parameter<th>In<th>Required<th></tr>");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolved(document, parameter);
        let required = if parameter["required"] == true { "yes" } else { "" };
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{}<td>{required}<td>{}</tr>",
            escape(member(parameter, "name")),
            escape(member(parameter, "in")),
            prose(member(parameter, "description"))
        );
    }
    page.push_str("</table>");
    let body = operation.pointer("/requestBody/content/application~1json/schema");
    if let Some(schema) = body {
        let _ = write!(page, "<p>Body: {}</p>", type_of(schema));
    }
    page.push_str("<table><tr><th>Status<th><th>Body</tr>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = resolved(document, response);
        let contents = response["content"].as_object().into_iter().flatten();
        let bodies: Vec<String> = contents.map(|(_, content)| type_of(&content["schema"])).collect();
        let description = prose(member(response, "description"));
        let _ = write!(page, "<tr><td>{}<td>{description}<td>{}</tr>", escape(status), bodies.join(", "));
    }
    page.push_str("</table>");
}

fn render_schema(page: &mut String, schema: &Value) {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if properties.is_empty() {
        let _ = write!(page, "<p>{}</p>", type_of(schema));
        return;
    }
    page.push_str("<table><tr><th>Member<th>Type<th>Required<th></tr>");
    for (name, property) in properties {
        let required =
            schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name.as_str()));
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{}<td>{}<td>{}</tr>",
            escape(name),
            type_of(property),
            if required { "yes" } else { "" },
            prose(member(property, "description"))
        );
    }
    page.push_str("</table>");
}

/// What a reference leads to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(value)
}

/// A schema in a few words.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(schemas) = schema[several].as_array() {
            return schemas.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values =
            values.iter().filter_map(Value::as_str).map(|value| format!("<code>{}</code>", escape(value)));
        return values.collect::<Vec<_>>().join(", ");
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    };
    if schema["items"].is_object() {
        return format!("{} of {}", escape(&kind), type_of(&schema["items"]));
    }
    let mut words = escape(&kind);
    for (name, sign) in
        [("minimum", "≥"), ("maximum", "≤"), ("maxLength", "at most, characters:"), ("pattern", "like")]
    {
        if !schema[name].is_null() {
            let value = schema[name].to_string();
            let _ = write!(words, " {sign} {}", escape(value.trim_matches('"')));
        }
    }
    words
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn anchor(operation: &Value) -> String {
    escape(member(operation, "operationId"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openapi, routes};

    #[test]
    fn every_operation_is_on_the_page_and_every_link_leads_somewhere() {
        let documents = Documents::new(&openapi::document(&routes::api()));
        for route in routes::api() {
            assert!(documents.page.contains(&escape(route.path)), "{}", route.path);
        }
        for link in documents.page.split("href=\"#").skip(1) {
            let anchor = link.split('"').next().unwrap_or_default();
            assert!(documents.page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
    }

    #[test]
    fn text_can_not_become_markup() {
        assert_eq!(prose("<b> `a&b` c"), "&lt;b&gt; <code>a&amp;b</code> c");
    }
}
