//! Requests and answers as the OpenAPI document shows them.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A request of GraphQL.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "the schema of `Asked`")]
pub struct GraphRequest {
    /// The document. It may be left out if it is known by its hash.
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    #[schema(value_type = Option<Object>)]
    variables: Option<serde_json::Value>,
    /// `persistedQuery` with `version` 1 and the `sha256Hash` of a document.
    #[schema(value_type = Option<Object>)]
    extensions: Option<serde_json::Value>,
}

/// The same in a query string: objects are in JSON.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GraphQuery {
    #[param(example = "{ products(first: 1) { nodes { sku } } }")]
    pub query: Option<String>,
    #[serde(rename = "operationName")]
    pub operation_name: Option<String>,
    pub variables: Option<String>,
    pub extensions: Option<String>,
}

/// An answer of GraphQL: `data` if the request was executed, and what went wrong.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "the schema of what is written by hand")]
pub struct GraphAnswer {
    #[schema(value_type = Option<Object>)]
    data: Option<serde_json::Value>,
    #[schema(max_items = 100)]
    errors: Option<Vec<GraphError>>,
}

/// Why a field has no value, or why nothing was executed.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "the schema of what is written by hand")]
struct GraphError {
    message: String,
    /// The way to the field.
    #[schema(max_items = 100)]
    path: Option<Vec<GraphPathPart>>,
    /// Where in the document it is.
    #[schema(max_items = 100)]
    locations: Option<Vec<GraphPlace>>,
    extensions: Option<GraphErrorExtensions>,
}

/// The name of a field in the answer, or an index of a list.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the schema of what is written by hand")]
enum GraphPathPart {
    Name(String),
    Index(u32),
}

#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "the schema of what is written by hand")]
struct GraphPlace {
    #[schema(minimum = 1)]
    line: u32,
    #[schema(minimum = 1)]
    column: u32,
}

#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "the schema of what is written by hand")]
struct GraphErrorExtensions {
    /// The code that a problem has, or one of GraphQL's clients in capitals.
    #[schema(pattern = "^[A-Za-z_]+$", max_length = 64)]
    code: String,
    #[serde(rename = "requestId")]
    #[schema(pattern = "^[A-Za-z0-9_.:-]+$", max_length = 128)]
    request_id: String,
}
