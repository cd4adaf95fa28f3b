//! What queries cost the database.

use daybook_domain::policy::Role;
use daybook_migrations::SERVER;
use daybook_tests::{Client, TestApp, metrics::of_labels, until};
use reqwest::Method;
use serde_json::json;
use sqlx::Executor;
use tokio::task::JoinSet;

use super::orders::{order, place};

/// Catches: each who asks reads on their own, so that a hundred who miss take all connections.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_for_the_same_at_once_cause_one_read() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let mut reader = app.database.foreign_session().await;
    reader.execute("BEGIN; LOCK TABLE read.orders_g1 IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let mut asking = JoinSet::new();
    // Those who came in the first round wait in the database, long before all of the second round missed.
    for round in 1..=2 {
        for path in [format!("/v1/orders/{id}"), "/v1/orders".to_owned()] {
            for _ in 0..20 {
                let (alice, path) = (app.customer("alice"), path.clone());
                asking.spawn(async move { alice.get(&path).await.status });
            }
        }
        until("all of them miss", async || misses(&app).await >= 40 * round).await;
        until("somebody reads each", async || app.database.waiting_for_lock(SERVER).await >= 2).await;
    }
    assert_eq!(app.database.waiting_for_lock(SERVER).await, 2);
    reader.execute("ROLLBACK").await.unwrap();
    assert_eq!(asking.join_all().await, [200; 80]);
}

/// Catches: a caller's audience left out of the key, so that staff and customers evict each other; an owner
/// that is compared only when the row is read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_one_audience_stays_beside_that_of_another() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let path = format!("/v1/orders/{}", place(&alice, order(&[("TEA-1", 1)])).await);
    app.settle().await;
    let counts = || {
        let of = |name| of_labels(name, &[("model", "orders")]);
        (of("daybook_cache_hits_total"), of("daybook_cache_misses_total"))
    };
    let first = [alice.get(&path).await.expect(200), support.get(&path).await.expect(200)];
    let (hits, misses) = counts();
    for _ in 0..3 {
        for (client, first) in [&alice, &support].into_iter().zip(&first) {
            let again = client.get(&path).await.expect(200);
            assert_eq!((again.text(), again.header("etag")), (first.text(), first.header("etag")));
        }
        assert_eq!(bob.get(&path).await.refusal(), "404 not_found");
    }
    assert_eq!(counts(), (hits + 9.0, misses));
}

/// Catches: a customer's list that is read again whenever another customer orders, and one that is kept when the customer does.
#[tokio::test(flavor = "multi_thread")]
async fn a_customers_list_stays_kept_while_others_order() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let order_as = async |client: &Client| {
        let reply = client.post("/v1/orders", order(&[("TEA-1", 1)])).await.expect(201);
        (reply.json()["id"].as_str().unwrap().to_owned(), reply.position())
    };
    // The statuses in alice's own list, in hers as staff see it, and in that of all orders.
    let shown = async |position: i64| {
        let mut shown = Vec::new();
        for (client, path) in
            [(&alice, "/v1/orders"), (&support, "/v1/orders?customer=alice"), (&support, "/v1/orders")]
        {
            let request = client.request(Method::GET, path).header("daybook-min-position", position);
            let page = client.send(request).await.expect(200).json();
            let orders = page["data"].as_array().unwrap().iter();
            shown.push(orders.map(|order| order["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        }
        shown
    };
    let placed = |orders| vec!["placed".to_owned(); orders];

    let (id, position) = order_as(&alice).await;
    assert_eq!(shown(position).await, [placed(1), placed(1), placed(1)]);
    let before = misses(&app).await;
    for all in 2..5 {
        let (_, position) = order_as(&bob).await;
        assert_eq!(shown(position).await, [placed(1), placed(1), placed(all)]);
    }
    assert_eq!(misses(&app).await, before + 3, "only the list of all orders is read again");

    let (_, position) = order_as(&alice).await;
    assert_eq!(shown(position).await, [placed(2), placed(2), placed(5)]);
    let cancelled = alice.post(&format!("/v1/orders/{id}/cancellation"), json!({})).await.expect(200);
    let own = ["placed", "cancelled"].map(str::to_owned).to_vec();
    let all = [placed(4), vec!["cancelled".to_owned()]].concat();
    assert_eq!(shown(cancelled.position()).await, [own.clone(), own, all]);
}

async fn misses(app: &TestApp) -> u64 {
    let metrics = app.telemetry.get("/metrics").await.expect(200).text();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("daybook_cache_misses_total{model=\"orders\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}
