//! The server that the mirror is tested with, asked by the client that others wrote for the system which it stands for.

use daybook_tests::{
    OtherSystem,
    door::{connect, event, events},
};
use eventstore::{
    AppendToStreamOptions, Client, CurrentRevision, Error, EventData, ExpectedRevision, ReadStreamOptions,
    StreamPosition, WriteResult,
};
use serde_json::json;
use uuid::Uuid;

async fn append(
    client: &Client,
    expected: ExpectedRevision,
    ids: &[u128],
) -> eventstore::Result<WriteResult> {
    let event = |id: &u128| {
        let event = EventData::json("Tried", &json!({"id": id.to_string()}));
        event.expect("it is JSON").id(Uuid::from_u128(*id))
    };
    let options = AppendToStreamOptions::default().expected_revision(expected);
    client.append_to_stream("tries", &options, ids.iter().map(event).collect::<Vec<_>>()).await
}

/// Catches: a judge that has made up its rules, or reads the protocol in another way than those who know it.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_mirrors_are_tested_with_is_one_to_its_own_clients() {
    let other = OtherSystem::start_with_tls().await;
    let client = connect(&other.url());
    let next = |written: eventstore::Result<WriteResult>| written.expect("appended").next_expected_version;
    assert_eq!(next(append(&client, ExpectedRevision::NoStream, &[1, 2]).await), 1);
    assert_eq!(next(append(&client, ExpectedRevision::Exact(1), &[3]).await), 2);
    assert_eq!(next(append(&client, ExpectedRevision::StreamExists, &[4]).await), 3);
    // Repeats.
    assert_eq!(next(append(&client, ExpectedRevision::NoStream, &[1, 2]).await), 1);
    assert_eq!(next(append(&client, ExpectedRevision::Exact(0), &[2, 3]).await), 2);
    for (expected, ids) in [
        (ExpectedRevision::NoStream, &[9][..]),
        (ExpectedRevision::Exact(1), &[9]),
        (ExpectedRevision::Exact(7), &[9]),
        (ExpectedRevision::NoStream, &[1, 2, 9]),
    ] {
        let refused = append(&client, expected, ids).await.expect_err("it isn't as expected");
        let Error::WrongExpectedVersion { expected: told, current } = refused else { panic!("{refused}") };
        assert_eq!((told, current), (expected, CurrentRevision::Current(3)));
    }
    let from = ReadStreamOptions::default().position(StreamPosition::Position(1)).max_count(2);
    let read = events(&mut client.read_stream("tries", &from).await.expect("it reads")).await;
    let read: Vec<_> = read.iter().map(|read| (event(read).revision, event(read).id.as_u128())).collect();
    assert_eq!(read, [(1, 2), (2, 3)]);
    let mut none = client.read_stream("none", &ReadStreamOptions::default()).await.expect("it asks");
    assert!(matches!(none.next().await, Err(Error::ResourceNotFound)));
    let stranger = connect(&other.url_with("guessed"));
    assert!(append(&stranger, ExpectedRevision::Any, &[10]).await.is_err());
}
