//! Who may ask the door for what: for each method of its files and each caller, what the policy says.

use std::{fs, path::Path};

use daybook_door::protocol::{
    Empty,
    streams::{
        ReadReq,
        read_req::{
            Options,
            options::{AllOptions, CountOption, StreamOption, all_options::AllOption},
        },
    },
};
use daybook_tests::raw_door;
use prost::Message;

use super::plain_shop;
use crate::permissions::{self, Caller, Guard, Said};

/// The names of all methods, as the files say.
fn methods() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/door/proto");
    let files = fs::read_dir(folder).expect("the files").map(|entry| entry.expect("a file").path());
    let mut methods = Vec::new();
    for text in files.map(|path| fs::read_to_string(path).expect("text")) {
        let (mut package, mut service) = ("", "");
        for line in text.lines().map(str::trim) {
            let mut words = line.split([' ', ';', '(']).filter(|word| !word.is_empty());
            match (words.next(), words.next()) {
                (Some("package"), Some(name)) => package = name,
                (Some("service"), Some(name)) => service = name,
                (Some("rpc"), Some(name)) => methods.push(format!("{package}.{service}/{name}")),
                _ => {}
            }
        }
    }
    methods.sort();
    methods
}

/// What a method is guarded by. One without an entry fails.
fn guard(method: &str) -> Guard {
    match method.strip_prefix("event_store.client.").unwrap_or(method) {
        "streams.Streams/Read" => permissions::guard("events.list"),
        // Clients ask for these before they know who asks.
        "gossip.Gossip/Read" | "server_features.ServerFeatures/GetSupportedMethods" => Guard::Open,
        "streams.Streams/Append"
        | "streams.Streams/BatchAppend"
        | "streams.Streams/Delete"
        | "streams.Streams/Tombstone" => Guard::Closed,
        other => panic!("say who may ask for {other}"),
    }
}

fn message(method: &str) -> Vec<u8> {
    if method != "event_store.client.streams.Streams/Read" {
        return Vec::new();
    }
    let all = AllOptions { all_option: Some(AllOption::Start(Empty {})) };
    let options = Options {
        stream_option: Some(StreamOption::All(all)),
        count_option: Some(CountOption::Count(1)),
        ..Options::default()
    };
    ReadReq { options: Some(options) }.encode_to_vec()
}

/// Catches: a method without a rule, and one that lets others in than it should.
#[tokio::test(flavor = "multi_thread")]
async fn every_method_says_to_everyone_what_the_policy_says() {
    let app = plain_shop(|_| {}).await;
    let mut asked = 0;
    for caller in Caller::all() {
        let token = caller.token(&app).map(|token| format!("Bearer {token}"));
        let headers: Vec<(&'static str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).collect();
        for method in methods() {
            let status = raw_door::call_bytes(app.door(), &method, &headers, &message(&method)).await;
            let said = match status.as_deref() {
                None => Said::Welcome,
                Some("16") => Said::Unauthenticated,
                Some("7") => Said::Forbidden,
                Some(other) => panic!("{method}: {other}"),
            };
            permissions::check(&method, &caller, guard(&method), said, &format!("{status:?}"));
            asked += 1;
        }
    }
    assert_eq!(asked, 7 * 10);
}
