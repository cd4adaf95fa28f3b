//! GraphQL, as clients see it.

mod bounds;
mod commands;
mod permissions;
mod protocol;
mod queries;
mod subscriptions;

use daybook_tests::{Client, Reply};
use reqwest::Method;
use serde_json::{Value, json};

pub async fn ask(client: &Client, query: &str) -> Reply {
    ask_with(client, query, json!({})).await
}

/// Asks with variables.
pub async fn ask_with(client: &Client, query: &str, variables: Value) -> Reply {
    let body = json!({ "query": query, "variables": variables });
    client.send(client.request(Method::POST, "/graphql").json(&body)).await
}

/// What was found, where nothing went wrong.
#[track_caller]
pub fn data(reply: Reply) -> Value {
    let answer = reply.expect(200).json();
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"].clone()
}

/// The code and the path of each error.
#[track_caller]
pub fn fails(reply: Reply) -> Vec<String> {
    let request_id = reply.header("x-request-id").expect("a name").to_owned();
    let answer = reply.expect(200).json();
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let told = errors.iter().map(|error| {
        assert_eq!(error["extensions"]["requestId"], request_id);
        let path = error["path"].as_array().into_iter().flatten();
        let path: Vec<String> =
            path.map(|part| part.as_str().map_or(part.to_string(), str::to_owned)).collect();
        format!("{} {}", error["extensions"]["code"].as_str().unwrap_or("?"), path.join("."))
            .trim_end()
            .to_owned()
    });
    told.collect()
}
