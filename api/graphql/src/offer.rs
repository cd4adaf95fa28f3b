//! A route as the schema needs it.

use async_graphql::dynamic::TypeRef;
use daybook_http::{asked::Ask, route::Route};
use serde_json::Value;

use crate::{
    names::{camel, root},
    types::{Field, Source, Taken, Whole, nn, text},
};

/// What is said of reads and arguments where HTTP speaks of its own forms.
const ABOUT: &[(&str, &str)] = &[
    (
        "events.list",
        "Public events by position. `GET /v1/event-types` says which types there are, and what payloads have",
    ),
    ("after", "The cursor of the row that the page begins behind"),
    ("before", "The cursor of the row that the page ends before. It goes with `last`"),
    ("limit", "How many rows the page has at most. It has fewer where they would be too large"),
    ("last", "How many rows the page that ends with `before` has at most"),
    (
        "as_of",
        "Show it as it was at this time: what was recorded then or before. A time with no more than three digits behind its \
         seconds is the end of its millisecond",
    ),
    ("as_of_position", "Show it as it was when the log had come to this position"),
    ("placed_at[gte]", "Only orders that were placed at this time or later"),
    (
        "min_position",
        "A place in the log that the answer must have seen, such as the `position` of a payload",
    ),
    (
        "idempotency_key",
        "1 to 255 printable ASCII characters. A command that is repeated with its key is done once, whichever interface it \
         comes through, and is answered as it was first",
    ),
    (
        "if_version",
        "The version that the thing must still have; otherwise the command is refused with `STALE_VERSION`",
    ),
];

fn about<'a>(name: &str, of_http: &'a str) -> &'a str {
    ABOUT.iter().find(|(other, _)| *other == name).map_or(of_http, |(_, about)| about)
}

/// A route as the schema needs it.
pub struct Offer<'a> {
    pub name: &'a str,
    pub about: String,
    pub ask: &'a Ask,
    pub parameters: Vec<Value>,
    /// The schema of the body.
    pub body: Value,
    /// The schema of the answer.
    pub answer: Value,
}

impl<'a> Offer<'a> {
    pub fn of(route: &'a Route, ask: &'a Ask) -> Self {
        let operation = serde_json::to_value(&route.about.operation).expect("an operation serializes");
        let sentences = [text(&operation["summary"]), text(&operation["description"])];
        let about = sentences.map(|sentence| sentence.trim_end_matches('.').to_owned());
        let about = about.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(". ");
        let answers = operation["responses"].as_object();
        let answer = answers.and_then(|answers| answers.values().next()).cloned().unwrap_or_default();
        let about = self::about(&route.about.name, &about).to_owned();
        Self {
            name: &route.about.name,
            about,
            ask,
            parameters: operation["parameters"].as_array().cloned().unwrap_or_default(),
            body: json_of(&operation["requestBody"]),
            answer: json_of(&answer),
        }
    }

    pub fn field(&self, ty: TypeRef, of: Whole) -> Field {
        let source = Source::Asked { ask: self.ask.clone(), of };
        let in_path = self.path().map(|(_, taken)| taken.name).collect();
        Field { in_path, ..Field::new(&root(self.name), ty, source, &self.about) }
    }

    /// What the path names.
    pub fn path(&self) -> impl Iterator<Item = (String, Taken)> {
        self.parameters.iter().filter(|parameter| parameter["in"] == "path").map(|named| {
            let name = text(&named["name"]);
            let ty = if name == "id" { TypeRef::ID } else { TypeRef::STRING };
            (camel(&name), taken(nn(TypeRef::named(ty)), &name, ""))
        })
    }
}

/// The schema of JSON.
fn json_of(content: &Value) -> Value {
    content["content"]["application/json"]["schema"].clone()
}

pub fn taken(ty: TypeRef, name: &str, of_http: &str) -> Taken {
    Taken { ty, about: about(name, of_http.trim_end_matches('.')).to_owned(), name: name.to_owned() }
}
