//! `/graphql`: from a request to its answer.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::{Method, StatusCode},
};
use async_graphql::{
    Request, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};
use daybook_core::metrics::TurnedAway;
use daybook_http::{
    answer::Answer,
    arrived::{Arrived, NoQuery},
    live,
    problem::Problem,
};
use serde_json::Value;

use crate::{
    answer::{self, JSON},
    asked::Asked,
    documents::{Document, Documents},
    failure::Refused,
    forms::GraphQuery,
    graph::Graph,
    limits::MOST_BYTES,
    page::{self, HTML},
    plan::{self, Plan},
    run::{self, Caller},
    subscribe,
};

/// `POST`: queries and mutations.
pub async fn post(graph: Arc<Graph>, mut arrived: Arrived) -> Answer {
    arrived.query::<NoQuery>()?;
    let max_bytes = MOST_BYTES.min(arrived.app.limits.max_body.in_memory());
    let body = arrived.bytes(max_bytes).await?;
    match Asked::of_body(&body) {
        Ok(asked) => answer(graph, &arrived, asked).await,
        Err(refused) => Ok(malformed(&arrived, refused)),
    }
}

/// `GET`: queries, and the page.
pub async fn get(graph: Arc<Graph>, arrived: Arrived) -> Answer {
    if let (Some(page), HTML) = (&graph.page, arrived.form) {
        return Ok(page::show(page));
    }
    match Asked::of_query_string(arrived.query::<GraphQuery>()?) {
        Ok(asked) => answer(graph, &arrived, asked).await,
        Err(refused) => Ok(malformed(&arrived, refused)),
    }
}

async fn answer(graph: Arc<Graph>, arrived: &Arrived, asked: Asked) -> Answer {
    let request_id = &arrived.context.request_id;
    let document = match document(&graph, &asked).await {
        Ok(document) => document,
        Err(NoDocument::Malformed(refused)) => return Ok(malformed(arrived, refused)),
        Err(NoDocument::Unknown) => {
            let refused = Refused {
                code: "PERSISTED_QUERY_NOT_FOUND".to_owned(),
                ..Refused::new("PersistedQueryNotFound")
            };
            return Ok(answer::refused(arrived.form, StatusCode::OK, &[refused], request_id));
        }
        Err(NoDocument::Invalid(refused)) => return Ok(invalid(arrived, &refused)),
    };
    let operation = match operation(&document.parsed, asked.operation_name.as_deref()) {
        Ok(operation) => operation,
        Err(refused) => return Ok(invalid(arrived, &[refused])),
    };
    if arrived.request.method() != Method::POST && operation.ty == OperationType::Mutation {
        return Err(Problem::method_not_allowed("POST"));
    }
    if graph.page.is_some() {
        let mut names = Vec::new();
        root_names(&document.parsed, &operation.selection_set.node, &mut names);
        let asks_of_it = names.iter().any(|name| matches!(*name, "__schema" | "__type"));
        if asks_of_it && names.iter().any(|name| !name.starts_with("__")) {
            return Ok(invalid(arrived, &[Refused::new("the schema is asked for alone")]));
        }
        if asks_of_it {
            return Ok(introspect(&graph, arrived, &document.parsed, asked).await);
        }
    }
    let sent = asked.variables.unwrap_or_default();
    let plan = match plan::of(&graph.types, &document.parsed, operation, &sent) {
        Ok(plan) => plan,
        Err(message) => return Ok(invalid(arrived, &[Refused::new(message)])),
    };
    count(arrived, &plan)?;
    let caller = Caller {
        app: arrived.app.clone().into_inner(),
        context: arrived.context.clone(),
        min_position: arrived.min_position,
    };
    let wants_events = arrived.form == live::MEDIA_TYPE;
    if operation.ty == OperationType::Subscription {
        let other_form =
            || Ok(invalid(arrived, &[Refused::new("a subscription is answered as text/event-stream")]));
        return if wants_events {
            subscribe::follow(graph, arrived, caller, plan).await
        } else {
            other_form()
        };
    }
    let executed = run::run(&graph.types, &caller, &plan).await;
    if wants_events {
        return Ok(subscribe::once(&answer::written(executed, request_id)));
    }
    Ok(answer::executed(arrived.form, executed, request_id))
}

enum NoDocument {
    Malformed(Refused),
    Invalid(Vec<Refused>),
    /// Its hash is not known here.
    Unknown,
}

async fn document(graph: &Graph, asked: &Asked) -> Result<Arc<Document>, NoDocument> {
    let hash = asked.hash().map_err(NoDocument::Malformed)?;
    match (&asked.query, hash) {
        (Some(text), Some(hash)) if Documents::hash(text) != hash => {
            Err(NoDocument::Malformed(Refused::new("the query is not the one that has the sha256Hash")))
        }
        (Some(text), _) => graph.documents.read(text).await.map_err(NoDocument::Invalid),
        (None, Some(hash)) => graph.documents.known(&hash).ok_or(NoDocument::Unknown),
        (None, None) => Err(NoDocument::Malformed(Refused::new("query is missing"))),
    }
}

fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Refused> {
    // An empty name is none, as the reference implementation sees it.
    match (&document.operations, name.filter(|name| !name.is_empty())) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations
            .values()
            .next()
            .map(|operation| &operation.node)
            .ok_or_else(|| Refused::new("there is no operation")),
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            Ok(&operations[name].node)
        }
        (_, None) => Err(Refused::new("operationName has to say which operation is meant")),
        (_, Some(_)) => Err(Refused::new("there is no operation with that operationName")),
    }
}

/// Each field of the root counts as a request does; the first one was counted at the gate.
fn count(arrived: &Arrived, plan: &Plan) -> Result<(), Problem> {
    let fields = plan.steps.iter().filter(|step| step.place.is_some()).count();
    for _ in 1..fields {
        let rates = &arrived.app.rates;
        let budget = match arrived.actor() {
            Some(actor) => rates.subject(&actor.subject),
            None => rates.address(arrived.context.address),
        };
        budget.inspect_err(|_| TurnedAway::RateLimited.count())?;
    }
    Ok(())
}

/// The names of the fields of the root.
fn root_names<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, names: &mut Vec<&'a str>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => names.push(field.node.name.node.as_str()),
            Selection::InlineFragment(fragment) => {
                root_names(document, &fragment.node.selection_set.node, names)
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    root_names(document, &fragment.node.selection_set.node, names);
                }
            }
        }
    }
}

async fn introspect(
    graph: &Graph,
    arrived: &Arrived,
    document: &ExecutableDocument,
    asked: Asked,
) -> HttpResponse {
    let variables = Variables::from_json(asked.variables.map_or(Value::Null, Value::Object));
    let mut request = Request::new("").variables(variables).only_introspection();
    request.operation_name = asked.operation_name.filter(|name| !name.is_empty());
    request.set_parsed_query(document.clone());
    let response = graph.documents.introspect(request).await;
    let body = serde_json::to_vec(&response).unwrap_or_default();
    answer::send(arrived.form, StatusCode::OK, body)
}

/// It could be read, but not executed. In plain JSON, that is an answer like any other.
fn invalid(arrived: &Arrived, refused: &[Refused]) -> HttpResponse {
    let status = if arrived.form == JSON { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    answer::refused(arrived.form, status, refused, &arrived.context.request_id)
}

/// It is no request of GraphQL.
fn malformed(arrived: &Arrived, refused: Refused) -> HttpResponse {
    answer::refused(arrived.form, StatusCode::BAD_REQUEST, &[refused], &arrived.context.request_id)
}
