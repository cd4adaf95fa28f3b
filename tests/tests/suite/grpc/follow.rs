//! The log as it is followed.

use std::net::SocketAddr;

use daybook_domain::policy::Role;
use daybook_grpc::protocol::v1::{
    FollowEventsRequest, FollowEventsResponse, ListEventsRequest, follow_events_response::Said,
};
use daybook_tests::{grpc::Grpc, server::free_port};
use tonic::{Code, Streaming};

use super::refusal;
use crate::{door::plain_shop, faults::House};

/// What is said next; `None` is the end, in whichever way.
async fn next(stream: &mut Streaming<FollowEventsResponse>) -> Option<Said> {
    stream.message().await.ok().flatten().map(|response| response.said.unwrap())
}

/// Takes events until there are so many.
async fn take(stream: &mut Streaming<FollowEventsResponse>, count: usize, seen: &mut Vec<i64>) {
    let before = seen.len();
    while seen.len() < before + count {
        if let Said::Event(event) = next(stream).await.expect("more follows") {
            seen.push(event.position);
        }
    }
}

/// Catches: an event that is left out or sent twice when its reader goes on after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_after_a_kill_sees_every_event_once() {
    let (house, address) = (House::new().await, SocketAddr::from(([127, 0, 0, 1], free_port())));
    let mut server = house.server("one").with("door.listen", address).with("door.plaintext", true);
    server.start();
    house.sell(&server, 1_000).await;
    let mut seen: Vec<i64> = Vec::new();
    for taken in [1, 700, 1_300] {
        // However much the last one took that was on its way: there is more than this one takes.
        house.database.lengthen("TEAPOT", 3_000).await;
        let analyst = Grpc::at(address, Some(server.token("ann", Role::Analyst)));
        let after = seen.last().copied().unwrap_or_default();
        let asked = FollowEventsRequest { after, ..FollowEventsRequest::default() };
        let mut stream = analyst.events().follow_events(asked).await.unwrap().into_inner();
        take(&mut stream, taken, &mut seen).await;
        server.kill();
        // What was on its way already may still be taken.
        while let Some(said) = next(&mut stream).await {
            if let Said::Event(event) = said {
                seen.push(event.position);
            }
        }
        server.start();
        house.receive(&server, 1).await;
    }
    let head = house.database.count("SELECT max(position) FROM events").await;
    let rest = usize::try_from(head).unwrap() - seen.len();
    let analyst = Grpc::at(address, Some(server.token("ann", Role::Analyst)));
    let asked = FollowEventsRequest { after: *seen.last().unwrap(), ..FollowEventsRequest::default() };
    let mut stream = analyst.events().follow_events(asked).await.unwrap().into_inner();
    take(&mut stream, rest, &mut seen).await;
    assert_eq!(seen, (1..=head).collect::<Vec<_>>());
    // Then it says that this is all, and says what is appended.
    while next(&mut stream).await != Some(Said::CaughtUp(head)) {}
    house.receive(&server, 1).await;
    take(&mut stream, 1, &mut seen).await;
    assert_eq!(seen.last(), Some(&(head + 1)));
}

/// Catches: a page that isn't the one of HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_events_is_the_one_of_http() {
    let app = plain_shop(|_| {}).await;
    let analyst = Grpc::by(&app, Role::Analyst);
    let asked = ListEventsRequest {
        types: vec!["ProductCreated".into(), "ProductPublished".into()],
        page_size: 1,
        ..ListEventsRequest::default()
    };
    let page = analyst.events().list_events(asked.clone()).await.unwrap().into_inner();
    let path = "/v1/events?types=ProductCreated,ProductPublished&limit=1";
    let over_http = app.by(Role::Analyst).get(path).await.expect(200).json();
    let (event, expected) = (&page.events[0], &over_http["data"][0]);
    assert_eq!((page.has_more, page.events.len()), (true, 1));
    assert_eq!(event.position, expected["position"].as_i64().unwrap());
    assert_eq!(event.stream, expected["stream"].as_str().unwrap());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&event.payload).unwrap(), expected["payload"]);
    assert_eq!(event.metadata["request_id"], expected["metadata"]["request_id"].as_str().unwrap());
    let rest = ListEventsRequest { after: event.position, ..asked.clone() };
    let rest = analyst.events().list_events(rest).await.unwrap().into_inner();
    assert_eq!((rest.events[0].r#type.as_str(), rest.has_more), ("ProductPublished", false));
    let beyond = ListEventsRequest { after: i64::MAX, ..asked };
    let malformed = (Code::InvalidArgument, "malformed_request".to_owned());
    assert_eq!(refusal(analyst.events().list_events(beyond).await), malformed);
    let beyond = FollowEventsRequest { after: i64::MAX, ..FollowEventsRequest::default() };
    assert_eq!(refusal(analyst.events().follow_events(beyond).await), malformed);
}

/// Catches: followers that have a limit of their own, or none, and one who goes on without a good token.
#[tokio::test(flavor = "multi_thread")]
async fn followers_share_one_limit_and_end_with_their_token() {
    let app = plain_shop(|config| config.live.max_streams_per_subject = 1).await;
    let analyst = Grpc::by(&app, Role::Analyst);
    let asked = FollowEventsRequest::default();
    let mut first = analyst.events().follow_events(asked.clone()).await.unwrap().into_inner();
    assert!(matches!(next(&mut first).await, Some(Said::Event(_))));
    let second = analyst.events().follow_events(asked).await;
    assert_eq!(refusal(second), (Code::ResourceExhausted, "rate_limited".into()));
    app.advance(7_200);
    let end = loop {
        if let Err(status) = first.message().await {
            break status;
        }
    };
    assert_eq!(refusal::<()>(Err(end)), (Code::Unauthenticated, "unauthenticated".into()));
}
