//! Subscriptions to a part of the log.

use daybook_domain::policy::Role;
use daybook_door::protocol::{
    Empty,
    streams::{
        ReadReq, ReadResp,
        read_req::{
            Options,
            options::{
                AllOptions, CountOption, FilterOption, FilterOptions, StreamOption,
                all_options::AllOption,
                filter_options::{Expression, Filter},
            },
        },
        read_resp::Content,
    },
};
use daybook_tests::{
    TestApp,
    door::{event, following, next, positions},
    raw_door,
};
use eventstore::{
    Error, Position, ResolvedEvent, StreamPosition, SubscribeToAllOptions, SubscriptionEvent,
    SubscriptionFilter,
};

use super::{head, plain_shop, shop};
use crate::http::orders::{order, place};

fn options(filter: SubscriptionFilter) -> SubscribeToAllOptions {
    SubscribeToAllOptions::default().position(StreamPosition::Start).filter(filter)
}

fn types(events: &[ResolvedEvent]) -> Vec<&str> {
    events.iter().map(|resolved| event(resolved).event_type.as_str()).collect()
}

/// Catches: a filter that is applied to stored names, or in one of its forms only.
#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_by_type_and_by_stream() {
    let (app, _door, analyst) = shop().await;
    let by_type = SubscriptionFilter::on_event_type;
    let by_stream = SubscriptionFilter::on_stream_name;
    let mut subscriptions = Vec::new();
    for (filter, expected) in [
        (by_type().add_prefix("OrderPl"), ["OrderPlaced"].as_slice()),
        (by_type().regex("^(Stock|Order)(?!Received)"), &["StockHeld", "OrderPlaced"]),
        (by_stream().add_prefix("stock-"), &["StockReceived", "StockHeld"]),
        (
            by_stream().add_prefix("stock-TEA").add_prefix("order-ord"),
            &["StockReceived", "StockHeld", "OrderPlaced"],
        ),
        (by_stream().regex("^(?!product).*-(TEA|ord_)"), &["StockReceived", "StockHeld", "OrderPlaced"]),
        (by_type().exclude_system_events().max(32), &["ProductCreated", "ProductPublished", "StockReceived"]),
    ] {
        subscriptions.push((analyst.subscribe_to_all(&options(filter)).await, expected));
    }
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    for (mut subscription, expected) in subscriptions {
        assert_eq!(types(&following(&mut subscription, expected.len()).await), expected);
    }
}

/// Catches: a client that reads everything again after it comes back, and one that is told a place in front of which
/// something was not sent yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_filter_lets_nothing_through_is_told_where_it_is() {
    let (app, _door, analyst) = shop().await;
    app.database.lengthen("TEA-1", 3_000).await;
    let filter = SubscriptionFilter::on_event_type().add_prefix("OrderPlaced").max(10);
    let mut subscription = analyst.subscribe_to_all(&options(filter.clone())).await;
    let here = u64::try_from(head(&app).await).unwrap();
    let mut told: Vec<u64> = Vec::new();
    loop {
        match next(&mut subscription).await.unwrap() {
            SubscriptionEvent::Confirmed(_) => {}
            SubscriptionEvent::Checkpoint(position) => told.push(position.commit),
            SubscriptionEvent::CaughtUp => break,
            SubscriptionEvent::EventAppeared(_) => panic!("nothing was placed"),
            _ => panic!("something else was said"),
        }
    }
    assert!(told.is_sorted_by(|a, b| a < b) && told.last() == Some(&here), "{told:?}");
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let placed = positions(&following(&mut subscription, 1).await);
    let here = StreamPosition::Position(Position { commit: here, prepare: here });
    let mut resumed = analyst.subscribe_to_all(&options(filter).position(here)).await;
    assert_eq!(positions(&following(&mut resumed, 1).await), placed);
}

/// Catches: a place that is told in front of an event which is still to come, so that a client that goes on from there
/// never gets it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_as_seen_was_sent_before() {
    let (app, _door, analyst) = shop().await;
    for _ in 0..3 {
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
        app.database.lengthen("TEA-1", 10).await;
    }
    let filter = SubscriptionFilter::on_event_type().add_prefix("OrderPlaced").max(1);
    let mut subscription = analyst.subscribe_to_all(&options(filter)).await;
    let (mut sent, mut told) = (0, 0);
    while told < head(&app).await {
        match next(&mut subscription).await.unwrap() {
            SubscriptionEvent::EventAppeared(event) => {
                assert!(positions(&[event])[0] > told, "{told} was told before");
                sent += 1;
            }
            SubscriptionEvent::Checkpoint(position) => told = i64::try_from(position.commit).unwrap(),
            _ => {}
        }
    }
    assert_eq!(sent, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_not_understood_is_refused() {
    let (_app, _door, analyst) = shop().await;
    for filter in [
        SubscriptionFilter::on_event_type().regex("("),
        SubscriptionFilter::on_event_type().regex("x".repeat(1_025).as_str()),
        SubscriptionFilter::on_event_type().regex("a").add_prefix("b"),
    ] {
        let mut subscription = analyst.subscribe_to_all(&options(filter)).await;
        let Err(Error::Grpc { code, .. }) = next(&mut subscription).await else { panic!("it is refused") };
        assert_eq!(code as i32, 3);
    }
}

/// The positions of the first events that a filter lets through, from either end of the log.
async fn first(app: &TestApp, filter: &Filter, backwards: bool) -> Vec<u64> {
    let from = if backwards { AllOption::End(Empty {}) } else { AllOption::Start(Empty {}) };
    let filter = FilterOptions { filter: Some(filter.clone()), ..FilterOptions::default() };
    let options = Options {
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(from) })),
        read_direction: backwards.into(),
        count_option: Some(CountOption::Count(2)),
        filter_option: Some(FilterOption::Filter(filter)),
        ..Options::default()
    };
    let token = format!("Bearer {}", app.token("ann", &[Role::Analyst]));
    let headers = [("authorization", token.as_str())];
    let asked = ReadReq { options: Some(options) };
    let answered = raw_door::call::<ReadResp>(app.door(), "streams.Streams/Read", &headers, &asked).await;
    let position = |message: ReadResp| match message.content {
        Some(Content::Event(event)) => event.event.expect("an event").commit_position,
        other => panic!("nothing else is said: {other:?}"),
    };
    answered.messages.into_iter().map(position).collect()
}

/// Catches: events that count before the filter has let them through.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_of_what_the_filter_lets_through() {
    let app = plain_shop(|_| {}).await;
    app.database.lengthen("TEA-1", 1_200).await;
    for _ in 0..3 {
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    }
    let last = u64::try_from(head(&app).await).unwrap();
    let regex = |regex: &str| Expression { regex: regex.into(), prefix: vec![] };
    let prefixes = |prefixes: &[&str]| Expression {
        regex: String::new(),
        prefix: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
    };
    for filter in [
        Filter::EventType(prefixes(&["OrderPlaced"])),
        Filter::EventType(regex("^Order(?!Confirmed)")),
        Filter::StreamIdentifier(prefixes(&["order-"])),
        Filter::StreamIdentifier(prefixes(&["order-ord_", "customer-"])),
        Filter::StreamIdentifier(regex("^order-(?!x)")),
    ] {
        assert_eq!(first(&app, &filter, false).await, [last - 4, last - 2], "{filter:?}");
        assert_eq!(first(&app, &filter, true).await, [last, last - 2], "{filter:?}");
    }
}
