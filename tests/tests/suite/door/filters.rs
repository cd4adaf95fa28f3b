//! Subscriptions to a part of the log.

use daybook_tests::door::{event, following, next, positions};
use eventstore::{
    Error, Position, ResolvedEvent, StreamPosition, SubscribeToAllOptions, SubscriptionEvent,
    SubscriptionFilter,
};

use super::{head, shop};
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
