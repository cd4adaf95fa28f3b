//! How bodies of commands look in the OpenAPI document. Each value is named in a body by
//! `#[schema(value_type = …)]`; the domain itself knows nothing of HTTP.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, SchemaType, Type},
    },
};

pub use crate::values::*;

pub struct AnyObject;

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::new(Type::Object)).into()
    }
}

impl ToSchema for AnyObject {}

/// What a successful command answers.
#[derive(ToSchema)]
pub struct Receipt {
    pub id: String,
    /// Of the thing, also in `ETag`.
    pub version: i64,
    /// Of the log, also in `Daybook-Position`.
    pub position: i64,
}

/// What a successful command on an order answers.
#[derive(ToSchema)]
pub struct OrderReceipt {
    #[schema(value_type = OrderId)]
    pub id: (),
    pub status: OrderStatus,
    pub version: i64,
    pub position: i64,
    #[schema(value_type = Vec<AnyObject>)]
    pub lines: (),
    #[schema(value_type = Money)]
    pub total: (),
}

/// RFC 9457.
#[derive(ToSchema)]
pub struct Problem {
    /// A page about the code.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// Stable, for programs.
    pub code: String,
    pub request_id: String,
    pub errors: Option<Vec<FieldProblem>>,
}

#[derive(ToSchema)]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901) into the body.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}
