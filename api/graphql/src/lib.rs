//! GraphQL: the same reads and commands as HTTP's, in one language. HTTP's routes say what there is; this package
//! writes the questions and the answers.

mod answer;
mod asked;
mod coerce;
mod documents;
mod endpoint;
mod failure;
mod forms;
mod graph;
mod limits;
mod look_ups;
mod metrics;
mod mutations;
mod names;
mod offer;
mod page;
mod plan;
mod registry;
mod run;
mod schema;
mod subscribe;
mod types;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix_web::http::Method;
use daybook_http::{
    about::{About, Kind},
    live,
    route::{Door, Route},
    routes,
};

pub use names::root as field_of;

use documents::Documents;
use forms::{GraphAnswer, GraphQuery, GraphRequest};
use graph::Graph;

/// What makes the routes of this interface, once for each thread that serves. In development, clients may ask for the
/// schema.
pub fn endpoints(in_development: bool) -> impl Fn() -> Vec<Route> + Clone + Send + 'static {
    let types = schema::of(&routes::api());
    let schema = registry::of(&types, in_development).expect("the types fit together, which a test looks at");
    let page = in_development.then(|| page::of(&schema.sdl()));
    let graph = Arc::new(Graph { types, documents: Documents::new(schema), page });
    move || of(&graph)
}

const ABOUT_EVENTS: &str = "The `data` of each event `next` is an answer in JSON: the schema is that of the data. An event `complete` ends it.";

/// How a stream of answers begins.
const EVENTS: &str = "event: next\ndata: {\"data\":{\"events\":{\"type\":\"OrderPlaced\"}}}\n\n";
const PATH: &str = "/graphql";
const FORMS: &[&str] = &[answer::JSON, answer::GRAPHQL, live::MEDIA_TYPE];
const WITH_PAGE: &[&str] = &[answer::JSON, answer::GRAPHQL, live::MEDIA_TYPE, page::HTML];

fn of(graph: &Arc<Graph>) -> Vec<Route> {
    let text = "Queries, mutations and subscriptions of GraphQL (GraphQL over HTTP). The schema has a field for each read and each \
                command of this document. Subscriptions are answered as `text/event-stream` (graphql-sse, distinct connections).";
    let about = |name, text| {
        let about = About::new(name, PATH, text, Kind::Graph);
        let forms = [answer::JSON, answer::GRAPHQL];
        let answers = [200, 400].into_iter().flat_map(|status| forms.map(|form| (status, form)));
        let about = answers.fold(about, |about, (status, form)| about.answer_as::<GraphAnswer>(status, form));
        about.answer_parts::<GraphAnswer>(live::MEDIA_TYPE, ABOUT_EVENTS, EVENTS)
    };
    let ask = about("graphql.ask", text).body::<GraphRequest>(&Method::POST);
    let read = about("graphql.read", "A query of GraphQL.").query::<GraphQuery>();
    let (read, got) = match graph.page {
        Some(_) => (read.answer_text(page::HTML, "<!doctype html><html lang=\"en\">"), WITH_PAGE),
        None => (read, FORMS),
    };
    let (post, get) = (Arc::clone(graph), Arc::clone(graph));
    vec![
        Route::new(Method::POST, PATH, Door::Open, FORMS, ask, move |arrived| {
            endpoint::post(Arc::clone(&post), arrived)
        }),
        Route::new(Method::GET, PATH, Door::Open, got, read, move |arrived| {
            endpoint::get(Arc::clone(&get), arrived)
        }),
    ]
}
