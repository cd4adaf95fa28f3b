//! Several things read at once, as an interface does that composes an answer of several streams.

use std::time::{Duration, Instant};

use daybook_core::reads::{Conditions, OrderById, ReadError};
use daybook_domain::{
    Position,
    policy::{Actor, Role},
};
use daybook_migrations::SERVER;
use daybook_tests::{TestApp, metrics::of_labels, until};
use serde_json::json;
use sqlx::Executor;

use super::orders::{order, place};

fn actor(subject: &str, role: Role) -> Actor {
    Actor::person(subject, [role])
}

fn soon() -> Conditions {
    let deadline = Instant::now() + Duration::from_secs(10);
    Conditions { min_position: None, deadline, now: chrono::DateTime::UNIX_EPOCH }
}

/// The ids of what `actor` finds of `ids`.
async fn found(app: &TestApp, ids: &[String], actor: &Actor) -> Vec<Option<String>> {
    let orders = app.reads().by_keys::<OrderById>(ids, Some(actor), soon()).await.expect("an answer");
    orders.into_iter().map(|order| order.map(|order| order.kept.view.id.clone())).collect()
}

/// Catches: answers in the order of the table, others' things among them, one that is asked for twice.
#[tokio::test(flavor = "multi_thread")]
async fn several_things_come_in_the_order_in_which_they_were_asked_for() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    let first = place(&alice, body).await;
    let bobs = place(&bob, order(&[("TEA-1", 1)])).await;
    let second = place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let nothing = "ord_019b0000000070008000000000000001".to_owned();
    let ids = [&second, &nothing, &bobs, &first, &second, &"a\0b".to_owned()].map(Clone::clone);
    let some = |id: &String| Some(id.clone());
    let owner = actor("alice", Role::Customer);
    let support = actor("support", Role::Support);
    // Once from the table, then from the cache.
    for _ in 0..2 {
        let own = [some(&second), None, None, some(&first), some(&second), None];
        assert_eq!(found(&app, &ids, &owner).await, own);
        let all = [some(&second), None, some(&bobs), some(&first), some(&second), None];
        assert_eq!(found(&app, &ids, &support).await, all);
    }
    let orders = app.reads().by_keys::<OrderById>(&ids, Some(&support), soon()).await.expect("an answer");
    let contact = orders[3].as_ref().and_then(|order| order.kept.view.contact.as_ref()).expect("opened");
    assert_eq!(contact.name.0.as_str(), "Alice");
    assert!(found(&app, &[], &support).await.is_empty());

    let refused = app.reads().by_keys::<OrderById>(&ids, None, soon()).await.expect_err("refused");
    assert!(matches!(refused, ReadError::Unauthenticated));
    let analyst = actor("analyst", Role::Analyst);
    let refused = app.reads().by_keys::<OrderById>(&ids, Some(&analyst), soon()).await.expect_err("refused");
    assert!(matches!(refused, ReadError::Forbidden(_)));
}

/// Catches: a statement for each, and a cache that is passed by.
#[tokio::test(flavor = "multi_thread")]
async fn several_things_cost_one_statement_and_then_none() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(place(&alice, order(&[("TEA-1", 1)])).await);
    }
    app.settle().await;
    let head = Position(app.database.count("SELECT max(position) FROM events").await);
    let mut reader = app.database.foreign_session().await;
    reader.execute("BEGIN; LOCK TABLE read.orders_g1 IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (reads, support) = (app.reads(), actor("support", Role::Support));
    let conditions = Conditions { min_position: Some(head), ..soon() };
    let asking = reads.by_keys::<OrderById>(&ids, Some(&support), conditions);
    let waiting = async {
        until("it is read", async || app.database.waiting_for_lock(SERVER).await >= 1).await;
        assert_eq!(app.database.waiting_for_lock(SERVER).await, 1);
        reader.execute("ROLLBACK").await.unwrap();
    };
    let (orders, ()) = tokio::join!(asking, waiting);
    let orders = orders.expect("an answer");
    assert!(orders.iter().flatten().all(|order| order.position >= head));
    assert_eq!(orders.iter().flatten().count(), ids.len());

    let hits = || of_labels("daybook_cache_hits_total", &[("model", "orders")]);
    let before = hits();
    // What was read together is there for one alone, and the other way round.
    app.by(Role::Support).get(&format!("/v1/orders/{}", ids[7])).await.expect(200);
    assert_eq!(found(&app, &ids, &support).await.iter().flatten().count(), ids.len());
    assert_eq!(hits(), before + 21.0);
}
