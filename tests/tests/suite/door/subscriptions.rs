//! What there is and what comes.

use daybook_domain::policy::Role;
use daybook_tests::{
    door::{event, following, next, positions, revisions},
    until,
};
use eventstore::{
    Position, StreamPosition, SubscribeToAllOptions, SubscribeToStreamOptions, SubscriptionEvent,
    SubscriptionFilter,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{head, shop};
use crate::http::orders::{order, place};

pub fn after(position: Option<i64>) -> SubscribeToAllOptions {
    let place = position.map_or(StreamPosition::Start, |position| {
        let commit = u64::try_from(position).unwrap();
        StreamPosition::Position(Position { commit, prepare: commit })
    });
    SubscribeToAllOptions::default().position(place)
}

/// Catches: a head that isn't told, or is told more than once, or too early.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_happened_comes_first_and_then_what_happens() {
    let (app, _door, analyst) = shop().await;
    app.database.lengthen("TEA-1", 450).await;
    let before = head(&app).await;
    let mut subscription = analyst.subscribe_to_all(&after(None)).await;
    assert!(matches!(next(&mut subscription).await.unwrap(), SubscriptionEvent::Confirmed(_)));
    let events = following(&mut subscription, usize::try_from(before).unwrap()).await;
    assert_eq!(positions(&events), (1..=before).collect::<Vec<_>>());
    assert!(matches!(next(&mut subscription).await.unwrap(), SubscriptionEvent::CaughtUp));
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    for position in before + 1..=before + 2 {
        let SubscriptionEvent::EventAppeared(event) = next(&mut subscription).await.unwrap() else {
            panic!("nothing else is said")
        };
        assert_eq!(positions(&[event]), [position]);
    }
    let mut from_end = SubscribeToAllOptions::default();
    from_end = from_end.position(StreamPosition::End);
    let mut newest = analyst.subscribe_to_all(&from_end).await;
    while !matches!(next(&mut newest).await.unwrap(), SubscriptionEvent::CaughtUp) {}
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    assert_eq!(positions(&following(&mut newest, 1).await), [before + 3]);
}

/// Catches: an event at the place where a client goes on that is sent twice or left out.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_goes_on_without_loss_or_repetition_while_others_write() {
    let (app, _door, analyst) = shop().await;
    let all = head(&app).await + 4 * 20 * 2;
    let mut writers = JoinSet::new();
    for number in 0..4 {
        let buyer = app.customer(&format!("buyer-{number}"));
        writers.spawn(async move {
            for _ in 0..20 {
                place(&buyer, order(&[("TEA-1", 1)])).await;
            }
        });
    }
    let mut seen: Vec<i64> = Vec::new();
    for cut_after in (1..=7).cycle() {
        let mut subscription = analyst.subscribe_to_all(&after(seen.last().copied())).await;
        let left = usize::try_from(all).unwrap() - seen.len();
        seen.extend(positions(&following(&mut subscription, left.min(cut_after * 3)).await));
        if left <= cut_after * 3 {
            break;
        }
    }
    writers.join_all().await;
    assert_eq!(seen, (1..=all).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_followed_from_behind_a_revision() {
    let (app, _door, analyst) = shop().await;
    app.database.lengthen("TEA-1", 10).await;
    let from = |place| SubscribeToStreamOptions::default().start_from(place).resolve_link_tos();
    let mut stock = analyst.subscribe_to_stream("stock-TEA-1", &from(StreamPosition::Position(8))).await;
    let mut category = analyst.subscribe_to_stream("$ce-order", &from(StreamPosition::Start)).await;
    // One that isn't there yet is waited for.
    let mut absent = analyst.subscribe_to_stream("stock-TEA-2", &from(StreamPosition::Start)).await;
    assert_eq!(revisions(&following(&mut stock, 2).await), [9, 10]);
    assert!(matches!(next(&mut stock).await.unwrap(), SubscriptionEvent::CaughtUp));
    for _ in 0..2 {
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    }
    assert_eq!(revisions(&following(&mut stock, 2).await), [11, 12]);
    let orders = following(&mut category, 2).await;
    let place = orders[0].link.as_ref().unwrap().revision;
    let mut resumed = analyst.subscribe_to_stream("$ce-order", &from(StreamPosition::Position(place))).await;
    assert_eq!(positions(&following(&mut resumed, 1).await), positions(&orders[1..]));
    app.sell("TEA-2", 100, 1).await;
    assert_eq!(event(&following(&mut absent, 1).await[0]).event_type, "StockReceived");
}

/// Catches: a token that is looked at only at the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_with_its_token() {
    let (app, door, analyst) = shop().await;
    let ann = door.client_with(&app, "esdb", &app.token("ann", &[Role::Analyst]));
    let mut anns = ann.subscribe_to_all(&after(None)).await;
    let mut others = analyst.subscribe_to_all(&after(None)).await;
    following(&mut anns, 3).await;
    following(&mut others, 3).await;
    let body = json!({"revoked": {"subject": "ann"}, "reason": "she left"});
    app.operator().post("/admin/revocations", body).await.expect(200);
    let refused = loop {
        if let Err(error) = next(&mut anns).await {
            break error;
        }
    };
    assert!(refused.is_access_denied(), "{refused}");
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    following(&mut others, 2).await;
}

/// Catches: a server that waits for its followers, and one that leaves them without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_down_sends_its_followers_away() {
    let (mut app, _door, analyst) = shop().await;
    let mut subscription = analyst.subscribe_to_all(&after(None)).await;
    following(&mut subscription, 3).await;
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        loop {
            if let Err(error) = next(&mut subscription).await {
                return error;
            }
        }
    });
    app.stop().await;
    let said = waiting.join_next().await.unwrap().unwrap();
    assert!(matches!(said, eventstore::Error::ServerError(_)), "{said}");
    until("its places are free", async || daybook_tests::metrics::counted("daybook_live_streams") == 0.0)
        .await;
}

/// Catches: a follower that goes on behind another history's positions, so that its client misses what it never had.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_ahead_waits_until_that_is_known_to_be_another_log() {
    let (app, _door, analyst) = shop().await;
    let head = head(&app).await;
    let last =
        app.database.count("SELECT max(sequence) FROM events WHERE aggregate_type = 'stock'").await - 1;
    let from = |revision: i64| {
        let place = StreamPosition::Position(u64::try_from(revision).unwrap());
        SubscribeToStreamOptions::default().start_from(place)
    };
    let mut ahead = analyst.subscribe_to_all(&after(Some(head + 2))).await;
    let mut ahead_in_stream = analyst.subscribe_to_stream("stock-TEA-1", &from(last + 1)).await;
    let filter = SubscriptionFilter::on_stream_name().add_prefix("order-");
    let mut filtered = analyst.subscribe_to_all(&after(Some(head + 3)).filter(filter)).await;
    for subscription in [&mut ahead, &mut ahead_in_stream, &mut filtered] {
        assert!(matches!(next(subscription).await.unwrap(), SubscriptionEvent::Confirmed(_)));
        assert!(matches!(next(subscription).await.unwrap(), SubscriptionEvent::CaughtUp));
    }
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    for mut subscription in [ahead, ahead_in_stream, filtered] {
        let Err(eventstore::Error::Grpc { code, message }) = next(&mut subscription).await else {
            panic!("it is sent away")
        };
        assert_eq!(code as i32, 10);
        assert!(message.contains("it is not the one that was read before"), "{message}");
    }
}
