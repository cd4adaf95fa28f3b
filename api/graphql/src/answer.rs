//! What is answered, in the media type that the client likes best (GraphQL over HTTP, section 6).

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use daybook_http::answer::{NO_STORE, tell_position};
use serde_json::{Value, json};

use crate::{failure::Refused, run::Executed};

pub const JSON: &str = "application/json";
pub const GRAPHQL: &str = "application/graphql-response+json";

/// A request that was executed, however its fields went.
pub fn executed(form: &str, executed: Executed, request_id: &str) -> HttpResponse {
    let position = executed.position;
    let mut response = send(form, StatusCode::OK, written(executed, request_id));
    if let Some(position) = position {
        tell_position(&mut response, position);
    }
    response
}

/// Its body.
pub fn written(executed: Executed, request_id: &str) -> Vec<u8> {
    let Executed { mut body, failures, untold, position: _ } = executed;
    body.insert(0, b'{');
    if !failures.is_empty() {
        let mut errors: Vec<Value> = failures.iter().map(|failure| failure.json(request_id)).collect();
        if untold > 0 {
            errors.push(json!({ "message": format!("{untold} more fields have no value") }));
        }
        body.extend(b",\"errors\":");
        body.extend(Value::from(errors).to_string().into_bytes());
    }
    body.push(b'}');
    body
}

/// A request that was not executed.
pub fn refused(form: &str, status: StatusCode, refused: &[Refused], request_id: &str) -> HttpResponse {
    let errors: Vec<Value> = refused.iter().map(|refused| refused.json(request_id)).collect();
    send(form, status, json!({ "errors": errors }).to_string().into_bytes())
}

pub fn send(form: &str, status: StatusCode, body: Vec<u8>) -> HttpResponse {
    let media_type = if form == GRAPHQL {
        HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
    } else {
        HeaderValue::from_static("application/json; charset=utf-8")
    };
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header(NO_STORE)
        .body(body)
}
