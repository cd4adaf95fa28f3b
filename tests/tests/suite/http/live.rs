//! The log followed live, as Server-Sent Events.

use std::time::Duration;

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{Live, TestApp, live::ask, metrics::counted, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::orders::{order, place};

/// Often enough for a test that waits for it.
const HEARTBEAT_MS: u64 = 200;

async fn shop() -> TestApp {
    let app = TestApp::start_with(|config| config.live.heartbeat = Span::millis(HEARTBEAT_MS)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    app
}

async fn head(app: &TestApp) -> i64 {
    app.database.count("SELECT max(position) FROM events").await
}

fn positions(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["position"].as_i64().unwrap()).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Catches: a page of which the rest is left out, and a follower that is not woken.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_happened_comes_first_and_then_what_happens() {
    let app = shop().await;
    app.database.lengthen("TEA-1", 450).await;
    let analyst = app.by(Role::Analyst);
    let before = head(&app).await;
    let mut live = Live::open(&analyst, "", None).await;
    for (header, value) in [
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("daybook-position", &before.to_string()),
    ] {
        assert_eq!(live.response.headers()[header], value);
    }
    assert!(live.frame().await.unwrap().unwrap().retry.is_some());
    let mut events = live.events(usize::try_from(before).unwrap()).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    for kind in ["StockHeld", "OrderPlaced"] {
        let frame = live.event().await;
        let event = frame.data.unwrap();
        assert_eq!((frame.id, frame.event.as_deref()), (event["position"].as_i64(), Some(kind)));
        events.push(event);
    }
    let lines = analyst.request(Method::GET, "/v1/events").header("accept", "application/x-ndjson");
    let lines = analyst.send(lines).await.text();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, lines);
    // A client that wants only so many is let go after them.
    let mut three = Live::open(&analyst, "?limit=3&after=1", None).await;
    assert_eq!(positions(&three.events(3).await), [2, 3, 4]);
    three.end().await;
}

/// Catches: `after` over Last-Event-ID, a page behind the place that it was read from, and growth that is
/// overlooked between a look and the next wait.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_goes_on_without_loss_or_repetition_while_others_write() {
    let app = shop().await;
    let all = head(&app).await + 4 * 40 * 2;
    let mut writers = JoinSet::new();
    for number in 0..4 {
        let buyer = app.customer(&format!("buyer-{number}"));
        writers.spawn(async move {
            for _ in 0..40 {
                place(&buyer, order(&[("TEA-1", 1)])).await;
            }
        });
    }
    let analyst = app.by(Role::Analyst);
    let mut seen: Vec<i64> = Vec::new();
    for cut_after in (1..=7).cycle() {
        let mut live = Live::open(&analyst, "?after=0", seen.last().copied()).await;
        let left = usize::try_from(all).unwrap() - seen.len();
        seen.extend(positions(&live.events(left.min(cut_after * 3)).await));
        if left <= cut_after * 3 {
            break;
        }
    }
    writers.join_all().await;
    assert_eq!(seen, (1..=all).collect::<Vec<_>>());
    assert_eq!(head(&app).await, all);
}

/// Catches: a client that its filter keeps at its first position, and a heartbeat that repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_and_the_place_to_come_back_to_moves_on() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let mut placed = Live::open(&analyst, "?types=OrderPlaced,OrderConfirmed", None).await;
    let mut stock = Live::open(&analyst, "?stream=stock/TEA-1", None).await;
    let mut nothing = Live::open(&analyst, "?types=Nothing", None).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    assert_eq!(types(&placed.events(2).await), ["OrderPlaced", "OrderConfirmed"]);
    assert_eq!(types(&stock.events(3).await), ["StockReceived", "StockHeld", "StockAllocated"]);
    let head = head(&app).await;
    let mut told = Vec::new();
    while told.last() != Some(&head) {
        let frame = nothing.frame().await.unwrap().unwrap();
        assert!(frame.data.is_none());
        told.extend(frame.id);
    }
    assert!(told.is_sorted_by(|a, b| a < b), "{told:?}");
    // Where nothing happens, there is a sign of life, and nothing else to tell.
    let silent = nothing.frame().await.unwrap().unwrap();
    assert!(silent.comment.is_some() && silent.id.is_none());
    let mut resumed = Live::open(&analyst, "?types=OrderPlaced", Some(head)).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    assert_eq!(resumed.event().await.id, Some(head + 2));
}

/// Catches: a client that learns where it stands only at the next heartbeat, which never comes.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_far_without_a_hit_is_told_where_they_are() {
    let app = TestApp::start_with(|config| config.live.heartbeat = Span::minutes(1)).await;
    app.sell("TEA-1", 1999, 1).await;
    app.database.lengthen("TEA-1", 60_000).await;
    let mut live = Live::open(&app.by(Role::Analyst), "?types=Nothing", None).await;
    assert!(live.frame().await.unwrap().unwrap().retry.is_some());
    assert_eq!(live.frame().await.unwrap().unwrap().id, Some(50_000));
    assert_eq!(live.frame().await.unwrap().unwrap().id, Some(head(&app).await));
}

/// Catches: a browser that never received an id, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_last_event_id_is_none() {
    let app = shop().await;
    let request = app.by(Role::Analyst).request(Method::GET, "/v1/events");
    let request = request.header("accept", "text/event-stream").header("last-event-id", "");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// Catches: limits that are not looked at, and places that are never free again.
#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_follow_at_a_time() {
    let app = TestApp::start_with(|config| {
        config.live.heartbeat = Span::millis(HEARTBEAT_MS);
        (config.live.max_streams, config.live.max_streams_per_subject) = (3, 2);
    })
    .await;
    let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| app.named(name, Role::Analyst));
    let first = Live::open(&ann, "", None).await;
    let _second = Live::open(&ann, "", None).await;
    let third = ask(&ann, "", None).await;
    assert_eq!(third.status(), 429);
    assert!(third.headers().contains_key("retry-after"));
    assert_eq!(third.json::<Value>().await.unwrap()["code"], "rate_limited");
    let _bobs = Live::open(&bob, "", None).await;
    let full = ask(&cy, "", None).await;
    assert_eq!(full.status(), 503);
    assert!(full.headers().contains_key("retry-after"));
    assert_eq!(full.json::<Value>().await.unwrap()["code"], "overloaded");
    // They don't keep others, nor themselves, from asking anything else.
    ann.get("/v1/events").await.expect(200);
    drop(first);
    until("the place is free again", async || ask(&cy, "", None).await.status() == 200).await;
}

/// Catches: streams of lines that aren't counted, so that any number of them may be open and unread.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_lines_are_counted_with_those_that_follow() {
    let app = TestApp::start_with(|config| {
        (config.live.max_streams, config.live.max_streams_per_subject) = (3, 2);
    })
    .await;
    app.sell("TEA-1", 1999, 10).await;
    app.database.lengthen("TEA-1", 50_000).await;
    let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| app.named(name, Role::Analyst));
    let lines = async |client: &daybook_tests::Client, method: Method| {
        let request = client.request(method, "/v1/events").header("accept", "application/x-ndjson");
        request.send().await.expect("the server answers")
    };
    let first = lines(&ann, Method::GET).await;
    let _second = Live::open(&ann, "", None).await;
    let third = lines(&ann, Method::GET).await;
    assert_eq!(third.status(), 429);
    assert_eq!(third.headers()["retry-after"], "15");
    assert!(third.headers().contains_key("ratelimit-policy"));
    let _bobs = lines(&bob, Method::GET).await;
    assert_eq!(lines(&cy, Method::GET).await.status(), 503);
    // What has no body takes no place.
    assert_eq!(lines(&cy, Method::HEAD).await.status(), 200);
    drop(first);
    let mut count = 0;
    until("the place is free again", async || {
        let answer = lines(&cy, Method::GET).await;
        let is_let_in = answer.status() == 200;
        count = answer.text().await.expect("it is read to its end").lines().count();
        is_let_in
    })
    .await;
    assert!(count > 50_000);
    until("a stream that was read to its end has no place", async || counted("daybook_live_streams") <= 2.0)
        .await;
}

/// Catches: a token that is looked at only at the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token() {
    let app = shop().await;
    let twin = app.twin(|_| {}).await;
    let mut anns = vec![Live::open(&app.named("ann", Role::Analyst), "", None).await];
    // In another process, which learns of it from the database.
    anns.push(Live::open(&twin.named("ann", Role::Analyst), "", None).await);
    let mut bobs = Live::open(&app.named("bob", Role::Analyst), "", None).await;
    for live in anns.iter_mut().chain([&mut bobs]) {
        live.events(3).await;
    }
    let body = json!({"revoked": {"subject": "ann"}, "reason": "she left"});
    app.operator().post("/admin/revocations", body).await.expect(200);
    let revoked = std::time::Instant::now();
    for live in anns {
        live.end().await;
    }
    assert!(revoked.elapsed().as_secs() < 5, "{:?}", revoked.elapsed());
    // Others go on, until their hour is over.
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    bobs.events(2).await;
    app.advance(3_600 + 31);
    bobs.end().await;
}

/// Catches: lines that go on when their token has ended, or end as if they were complete.
#[tokio::test(flavor = "multi_thread")]
async fn lines_break_off_with_their_token() {
    let app = shop().await;
    app.database.lengthen("TEA-1", 60_000).await;
    let ann = app.named("ann", Role::Analyst);
    let request = ann.request(Method::GET, "/v1/events").header("accept", "application/x-ndjson");
    let mut lines = request.send().await.expect("the server answers");
    lines.chunk().await.unwrap().expect("a line");
    let body = json!({"revoked": {"subject": "ann"}, "reason": "she left"});
    app.operator().post("/admin/revocations", body).await.expect(200);
    while let Ok(chunk) = lines.chunk().await {
        assert!(chunk.is_some(), "they end as if they were complete");
    }
}

/// Catches: a failure to read the log that sends its followers away, or ends in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_can_not_be_read_is_waited_for() {
    let app = shop().await;
    let mut live = Live::open(&app.by(Role::Analyst), "", None).await;
    live.events(3).await;
    // Wakes it, and is nothing that it could read.
    app.database
        .execute("BEGIN; REVOKE SELECT ON events FROM daybook_app; NOTIFY daybook_log, '4'; COMMIT")
        .await;
    until("it can't read", async || counted("daybook_live_unread_total") > 0.0).await;
    app.database.execute("GRANT SELECT ON events TO daybook_app").await;
    let alice = app.customer("alice");
    until("it is there again", async || alice.post("/v1/orders", order(&[("TEA-1", 1)])).await.status == 201)
        .await;
    assert_eq!(positions(&live.events(2).await), [4, 5]);
}

/// Catches: a follower that goes on behind another history's positions.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_has_lost_its_end_is_not_followed_further() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let mut live = Live::open(&analyst, "", None).await;
    live.events(3).await;
    app.database.change_log("DELETE FROM events WHERE position = 3; NOTIFY daybook_log, '2'").await;
    let broke_off = async {
        loop {
            match live.frame().await {
                Ok(frame) => assert!(frame.expect("it breaks off and doesn't end").data.is_none()),
                Err(_) => return,
            }
        }
    };
    broke_off.await;
    let back = ask(&analyst, "", Some(3)).await;
    assert_eq!(back.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_followed_is_refused() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    for bad in ["?after=-1", "?after=4", "?after=x", "?types=", "?stream=order"] {
        let refused = ask(&analyst, bad, None).await;
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "malformed_request", "{bad}");
    }
    for last in ["x", "-1", "1.0", "4"] {
        let request = analyst.request(Method::GET, "/v1/events").header("last-event-id", last);
        let reply = analyst.send(request.header("accept", "text/event-stream")).await;
        assert_eq!(reply.refusal(), "400 malformed_request", "{last}");
    }
    assert_eq!(ask(&app.customer("alice"), "", None).await.status(), 403);
    assert_eq!(ask(&app.anonymous, "", None).await.status(), 401);
    let head = analyst.request(Method::HEAD, "/v1/events").header("accept", "text/event-stream");
    let head = analyst.send(head).await.expect(200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    for accept in ["text/html", "text/event-stream;q=0"] {
        let reply = analyst.send(analyst.request(Method::GET, "/v1/events").header("accept", accept)).await;
        assert_eq!(reply.refusal(), "406 not_acceptable");
    }
}

/// Catches: a log that isn't looked at for as long as other things are heard of all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_got_lost_is_made_good_while_others_keep_coming() {
    let app = shop().await;
    let before = head(&app).await;
    let mut live = Live::open(&app.by(Role::Analyst), &format!("?after={before}"), None).await;
    let database = app.database.superuser.clone();
    let mut others = JoinSet::new();
    others.spawn(async move {
        loop {
            sqlx::query("SELECT pg_notify('daybook_effects', '')").execute(&database).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    // Nothing is said of these.
    app.database.lengthen("TEA-1", 3).await;
    assert_eq!(positions(&live.events(3).await), [before + 1, before + 2, before + 3]);
}
