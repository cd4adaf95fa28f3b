//! The OpenAPI document: what the routes say of themselves, and what is the same for all of them.

use std::collections::BTreeMap;

use actix_web::http::Method;
use daybook_core::reads::Access;
use daybook_domain::Code;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, Header, Info, License, Object, OpenApi, OpenApiVersion, Paths, Ref, RefOr,
        Required, Response, Type,
        path::{HttpMethod, Operation, Parameter, ParameterIn},
        schema::Schema,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    about::{About, Kind},
    problem::{self, FieldProblem, MEDIA_TYPE, ProblemSchema},
    route::Route,
};

const DESCRIPTION: &str = "Commands answer when what they did is durable; queries follow a moment later. \
    Send the `Daybook-Position` of a command's answer as `Daybook-Min-Position` of a query to see what it did. \
    Money is in integer minor units. Clients ignore members that they don't know.";

/// The name of the one way to authenticate.
pub const BEARER: &str = "bearer";

/// The document of these routes.
pub fn document(routes: &[Route]) -> OpenApi {
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let mut paths = Paths::new();
    for route in routes {
        schemas.extend(route.about.schemas.iter().cloned());
        let operation = complete(&route.about);
        paths.add_path_operation(route.path, vec![method(&route.method)], operation);
    }
    for (name, schema) in
        [(ProblemSchema::name(), ProblemSchema::schema()), (FieldProblem::name(), FieldProblem::schema())]
    {
        schemas.insert(name.into_owned(), schema);
    }
    components.schemas.extend(schemas);

    let mut info = Info::new("Daybook", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.into());
    info.license = Some(License::new("MIT OR Apache-2.0"));
    let mut document = OpenApi::new(info, paths);
    document.openapi = OpenApiVersion::Version31;
    document.components = Some(components);
    document
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        Method::PATCH => HttpMethod::Patch,
        _ => HttpMethod::Get,
    }
}

/// Adds the headers and errors that follow from what kind of route it is.
fn complete(about: &About) -> Operation {
    let mut operation = about.operation.clone();
    let has_body = operation.request_body.is_some();
    let mut parameters = operation.parameters.take().unwrap_or_default();
    let in_path =
        parameters.iter().any(|own| matches!(own, RefOr::T(own) if own.parameter_in == ParameterIn::Path));
    let codes = about.kind.codes(in_path, has_body);
    parameters.push(header("X-Request-Id", "Your name for this request, echoed", false));
    parameters.push(header("traceparent", "W3C Trace Context", false));
    parameters.push(header("Request-Timeout-Ms", "How long you wait, ms; capped", false));
    let bearer = || SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(match about.kind {
        Kind::Document => vec![SecurityRequirement::default()],
        Kind::Read(Access::Public(_)) => vec![SecurityRequirement::default(), bearer()],
        _ => vec![bearer()],
    });
    match about.kind {
        Kind::Command { needs_key, .. } => {
            let key = "Your name for this command: sent again, it gets the same answer, for 7 days";
            parameters.push(header("Idempotency-Key", key, needs_key));
            parameters.push(header("If-Match", "ETags, one of which the thing must still have", false));
        }
        Kind::Read(_) => {
            parameters.push(header("If-None-Match", "An ETag: 304 if it is still the same", false));
            let wait = "Wait until the answer has seen this position";
            parameters.push(header("Daybook-Min-Position", wait, false));
        }
        Kind::Look | Kind::Deed | Kind::Document | Kind::Guarded => {}
    }
    operation.parameters = Some(parameters);
    for (status, response) in &mut operation.responses.responses {
        if let (RefOr::T(response), true) = (response, status.starts_with('2')) {
            describe_success(response, about.kind);
        }
    }
    add_problems(&mut operation, &codes);
    operation
}

fn describe_success(response: &mut Response, kind: Kind) {
    let mut tell = |name: &str, description: &str| {
        let mut header = Header::new(Object::with_type(Type::String));
        header.description = Some(description.into());
        response.headers.insert(name.into(), header.into());
    };
    if matches!(kind, Kind::Command { .. } | Kind::Read(_)) {
        tell("Daybook-Position", "The position of the log that this answer has seen");
        tell("ETag", "The version");
    }
    tell("X-Request-Id", "The name of this request");
    tell("RateLimit", "What is left of the limit");
    tell("RateLimit-Policy", "The limit");
    if matches!(kind, Kind::Command { .. }) {
        tell("Idempotent-Replayed", "true: the answer of an earlier request with the same key");
    }
}

/// One response for each status, with its codes.
fn add_problems(operation: &mut Operation, codes: &[Code]) {
    for code in codes {
        let status = problem::status(code.kind());
        let responses = &mut operation.responses.responses;
        let response =
            responses.entry(status.as_u16().to_string()).or_insert_with(|| Response::new("").into());
        if let RefOr::T(response) = response {
            let comma = if response.description.is_empty() { "" } else { ", " };
            response.description.push_str(&format!("{comma}`{code}`"));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let (RefOr::T(response), '4' | '5') = (response, status.chars().next().unwrap_or_default()) else {
            continue;
        };
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        response.content.insert(MEDIA_TYPE.into(), content.into());
        if matches!(status.as_str(), "429" | "503") {
            let mut header = Header::new(Object::with_type(Type::Integer));
            header.description = Some("Seconds to wait".into());
            response.headers.insert("Retry-After".into(), header.into());
        }
    }
}

fn header(name: &str, description: &str, required: bool) -> RefOr<Parameter> {
    let mut parameter = Parameter::new(name);
    parameter.parameter_in = ParameterIn::Header;
    parameter.description = Some(description.into());
    parameter.required = if required { Required::True } else { Required::False };
    parameter.schema = Some(Object::with_type(Type::String).into());
    parameter.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = serde_json::to_value(document(&routes::api())).expect("serializes");
        assert_eq!(document["openapi"], "3.1.0");
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }

    /// The schema has to repeat the number, because its macro takes no constant.
    #[test]
    fn an_order_has_as_many_lines_as_the_domain_says() {
        let document = serde_json::to_value(document(&routes::api())).expect("serializes");
        let lines = &document["components"]["schemas"]["PlaceOrder"]["properties"]["lines"];
        assert_eq!(
            (&lines["minItems"], &lines["maxItems"]),
            (&1.into(), &daybook_domain::order::MAX_LINES.into())
        );
    }

    /// Handlers name codes of their own in the descriptions of their responses.
    #[test]
    fn every_code_in_the_document_has_the_status_under_which_it_stands() {
        let document = document(&routes::api());
        let paths = document.paths.paths.values();
        let operations =
            paths.flat_map(|item| [&item.get, &item.post, &item.put, &item.delete, &item.patch]).flatten();
        let mut seen = 0;
        for (status, response) in operations.flat_map(|operation| &operation.responses.responses) {
            let (RefOr::T(response), '4' | '5') = (response, status.chars().next().unwrap_or_default())
            else {
                continue;
            };
            for name in response.description.split('`').skip(1).step_by(2) {
                let code = problem::find(name).expect(name);
                assert_eq!(problem::status(code.kind()).as_str(), status, "{name}");
                seen += 1;
            }
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn every_operation_has_its_own_name() {
        let document = document(&routes::api());
        let paths = document.paths.paths.values();
        let mut names: Vec<_> = paths
            .flat_map(|item| [&item.get, &item.post, &item.put, &item.delete, &item.patch])
            .flatten()
            .map(|operation| operation.operation_id.clone())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
