//! The schemas of problems, for the OpenAPI document.

use std::collections::BTreeSet;

use daybook_domain::Code;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

use super::catalogue;

/// RFC 9457.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "the schema of a problem as it is sent, which borrows what it has")]
pub struct ProblemSchema {
    /// A page about the code.
    #[schema(pattern = "^/problems/[a-z_]+$", max_length = 100)]
    r#type: String,
    #[schema(pattern = "^[A-Z]", max_length = 100)]
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    #[schema(pattern = r"\S", max_length = 401)]
    detail: String,
    /// The path of the request.
    #[schema(pattern = "^/", max_length = 301)]
    instance: String,
    code: ProblemCode,
    #[schema(pattern = "^[A-Za-z0-9_.:-]+$", max_length = 128)]
    request_id: String,
    /// The trace of the request (W3C Trace Context).
    #[schema(nullable = false, pattern = "^[0-9a-f]{32}$", max_length = 32)]
    trace_id: Option<String>,
    /// What is wrong with which part of the body, if that is what it is about.
    #[schema(nullable = false, max_items = 20)]
    errors: Option<Vec<FieldProblem>>,
}

/// The schema of a code: a word for each that there is.
pub struct ProblemCode;

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        let codes: BTreeSet<&str> = catalogue().map(Code::as_str).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "What went wrong, for programs. `/problems/{code}` is a page about each. More codes may be added",
            ))
            .enum_values(Some(codes))
            .into()
    }
}

impl ToSchema for ProblemCode {}

#[derive(ToSchema)]
#[allow(dead_code, reason = "the schema of `FieldError`")]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901) into the body.
    #[schema(format = JsonPointer, max_length = 201)]
    pointer: String,
    #[schema(pattern = "^[a-z_]+$", max_length = 64)]
    code: String,
    #[schema(pattern = r"\S", max_length = 5000)]
    detail: String,
}
