//! The types of events that there are.

use actix_web::{HttpRequest, HttpResponse};
use daybook_domain::published::{self, Field, PublicType, Shape};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::answer;

#[derive(Serialize, ToSchema)]
#[schema(as = EventTypes)]
pub struct View {
    #[schema(max_items = 1000)]
    data: Vec<EventType>,
}

/// A type of event.
#[derive(Serialize, ToSchema)]
pub struct EventType {
    /// The name, as in the `type` of an event.
    #[schema(pattern = "^[A-Z][A-Za-z]*$", max_length = 100, examples("OrderConfirmed"))]
    r#type: &'static str,
    /// Its name for webhooks; absent if they don't carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        pattern = r"^[a-z_]+\.[a-z_]+$",
        max_length = 100,
        examples("order.confirmed")
    )]
    webhook: Option<&'static str>,
    /// The version of the payload's shape. Events that were stored in another one are shown in this.
    #[schema(minimum = 1)]
    version: u16,
    #[schema(examples("An order was confirmed."))]
    description: &'static str,
    /// JSON Schema of the payload. Ignore members that it doesn't name: some may be added.
    #[schema(value_type = Object)]
    payload: Value,
}

pub fn show(request: &HttpRequest) -> HttpResponse {
    answer::public(request, &View { data: published::types().map(EventType::from).collect() })
}

impl From<&'static PublicType> for EventType {
    fn from(of: &'static PublicType) -> Self {
        Self {
            r#type: of.name,
            webhook: of.webhook,
            version: of.version,
            description: of.description,
            payload: object(of.fields),
        }
    }
}

/// The schema of an object with these members.
pub fn object(fields: &[Field]) -> Value {
    let member = |field: &Field| {
        let mut schema = schema_of(&field.shape);
        schema["description"] = field.description.into();
        (field.name.to_owned(), schema)
    };
    let required: Vec<&str> =
        fields.iter().filter(|field| !field.is_optional).map(|field| field.name).collect();
    let members: Map<String, Value> = fields.iter().map(member).collect();
    json!({ "type": "object", "properties": members, "required": required })
}

fn schema_of(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Integer => json!({ "type": "integer", "format": "int64" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Object(fields) => object(fields),
        Shape::Objects(fields) => json!({ "type": "array", "items": object(fields) }),
    }
}
