//! Sales are sums over all orders, whatever adds them up and in whatever order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook_core::config::Part;
use daybook_domain::{policy::Role, settings::Span};
use daybook_migrations::SERVER;
use daybook_tests::{Client, TestApp, metrics::of_labels, until};
use serde_json::{Value, json};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::{
    operators::{rebuilt, verified},
    orders::{order, place},
    rebuilds::verification_of,
};

async fn partitioned(partitions: usize) -> TestApp {
    TestApp::start_with(|config| {
        config.projections.partitions = partitions;
        config.proof.interval = Span::millis(20);
    })
    .await
}

/// Beside its price in euros, a product has one in yen.
async fn sell(app: &TestApp, sku: &str, amount: i64) {
    app.sell(sku, amount, 100_000).await;
    let price = json!({"amount": 10 * amount, "currency": "JPY"});
    app.by(Role::Merchandiser).put(&format!("/v1/products/{sku}/price"), price).await.expect(200);
}

fn in_yen(lines: &[(&str, i64)]) -> Value {
    let mut body = order(lines);
    body["currency"] = json!("JPY");
    body
}

/// The day of the database, by which orders are dated.
async fn today(app: &TestApp) -> String {
    let today = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')";
    sqlx::query_scalar(today).fetch_one(&app.database.superuser).await.unwrap()
}

/// The clock stands on another day than the database, so each question names a day.
async fn asked(client: &Client, day: &str, query: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/sales?from={day}&to={day}{query}")).await.expect(200).json();
    assert_eq!((&page["has_more"], &page["next"]), (&json!(false), &Value::Null), "{page}");
    page["data"].as_array().unwrap().clone()
}

/// A group's figures, and what of it was cancelled.
fn figures(orders: i64, pieces: i64, amount: i64, cancelled: (i64, i64, i64)) -> Value {
    let (cancelled_orders, cancelled_pieces, cancelled_amount) = cancelled;
    json!({
        "orders": orders, "pieces": pieces, "amount": amount,
        "cancelled": {"orders": cancelled_orders, "pieces": cancelled_pieces, "amount": cancelled_amount},
    })
}

fn with(mut figures: Value, members: &Value) -> Value {
    figures.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    figures
}

/// Five orders: of one and of two products, in two currencies, one shipped in parts, two cancelled.
async fn some_sales(app: &TestApp) {
    sell(app, "CUP-1", 300).await;
    sell(app, "TEA-1", 1999).await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let first = place(&alice, order(&[("TEA-1", 2), ("CUP-1", 1), ("TEA-1", 3)])).await;
    let second = place(&bob, order(&[("TEA-1", 1)])).await;
    place(&alice, in_yen(&[("CUP-1", 4)])).await;
    let fourth = place(&bob, in_yen(&[("CUP-1", 1), ("TEA-1", 1)])).await;
    let (support, warehouse) = (app.by(Role::Support), app.by(Role::Warehouse));
    support.post(&format!("/v1/orders/{first}/confirmation"), json!({})).await.expect(200);
    let part = json!({"lines": [{"sku": "TEA-1", "quantity": 4}]});
    warehouse.post(&format!("/v1/orders/{first}/shipments"), part).await.expect(200);
    warehouse.post(&format!("/v1/orders/{first}/shipments"), json!({})).await.expect(200);
    bob.post(&format!("/v1/orders/{second}/cancellation"), json!({"reason": "no"})).await.expect(200);
    support.post(&format!("/v1/orders/{fourth}/confirmation"), json!({})).await.expect(200);
    support.post(&format!("/v1/orders/{fourth}/cancellation"), json!({})).await.expect(200);
    place(&alice, order(&[("TEA-1", 1)])).await;
}

fn group(product: &str, currency: &str, figures: Value) -> Value {
    with(figures, &json!({"product": product, "currency": currency}))
}

/// What [`some_sales`] come to, in the order of the answer.
fn by_product_and_currency() -> [Value; 4] {
    [
        group("CUP-1", "EUR", figures(1, 1, 300, (0, 0, 0))),
        group("CUP-1", "JPY", figures(2, 5, 15_000, (1, 1, 3_000))),
        group("TEA-1", "EUR", figures(3, 7, 7 * 1999, (1, 1, 1999))),
        group("TEA-1", "JPY", figures(1, 1, 19_990, (1, 1, 19_990))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_are_told_apart_by_day_product_and_currency_or_added_up() {
    let app = partitioned(2).await;
    some_sales(&app).await;
    let (analyst, day) = (app.by(Role::Analyst), today(&app).await);
    let all = by_product_and_currency().map(|figures| with(figures, &json!({ "day": day })));
    assert_eq!(asked(&analyst, &day, "").await, all);
    assert_eq!(asked(&analyst, &day, "&by=currency,day,product,day").await, all);
    assert_eq!(asked(&analyst, &day, "&by=product,currency").await, by_product_and_currency());
    // An order of two products is one order.
    let of_currency = |currency: &str, figures| with(figures, &json!({ "currency": currency }));
    let euros = figures(3, 8, 300 + 7 * 1999, (1, 1, 1999));
    let yen = figures(2, 6, 34_990, (1, 2, 22_990));
    let by_currency = [of_currency("EUR", euros), of_currency("JPY", yen)];
    assert_eq!(asked(&analyst, &day, "&by=currency").await, by_currency);
    let with_day = by_currency.map(|figures| with(figures, &json!({ "day": day })));
    assert_eq!(asked(&analyst, &day, "&by=day,currency").await, with_day);
    // Euros and yen don't add up.
    let cancelled = json!({"orders": 2, "pieces": 3});
    let whole = json!({"orders": 5, "pieces": 14, "cancelled": cancelled});
    assert_eq!(asked(&analyst, &day, "&by=").await, std::slice::from_ref(&whole));
    assert_eq!(asked(&analyst, &day, "&by=day").await, [with(whole, &json!({ "day": day }))]);
    let cups = json!({"product": "CUP-1", "orders": 3, "pieces": 6, "cancelled": {"orders": 1, "pieces": 1}});
    assert_eq!(asked(&analyst, &day, "&by=product").await[0], cups);
    for by in ["", "day", "product", "day,product,currency"] {
        assert_eq!(asked(&analyst, "2001-01-01", &format!("&by={by}")).await, Vec::<Value>::new(), "{by}");
    }
    // Each page follows the one before.
    for (by, groups) in
        [("day,product,currency", 4), ("product,currency", 4), ("currency", 2), ("product", 2)]
    {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/sales?from={day}&to={day}&by={by}&limit=1{after}");
            let page = analyst.get(&path).await.expect(200).json();
            found.extend(page["data"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found.len(), groups, "{by}");
        assert_eq!(found, asked(&analyst, &day, &format!("&by={by}")).await);
    }
    verified(&app).await;
    let found = verification_of(&app, "sales").await;
    assert_eq!((&found["rows"], &found["sums"]), (&json!(5), &json!(6)), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sales_can_be_asked_for_is_bounded() {
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    let merchandiser = app.by(Role::Merchandiser);
    for bad in [
        "by=week",
        "by=day,",
        "by=day%20,product",
        "from=2027-1-5",
        "from=2027-02-30",
        "to=today",
        "from=2027-01-16",
        "from=2020-01-01",
        "from=2024-01-01&to=2025-01-01",
        "to=-262143-01-01",
        "limit=0",
        "limit=1001",
        "after=x",
        "by=day&after=ATIwMjctMDEtMDEvVEVB",
    ] {
        let refused = merchandiser.get(&format!("/v1/sales?{bad}")).await;
        assert_eq!(refused.refusal(), "400 malformed_request", "{bad}");
    }
    assert_eq!(merchandiser.get("/v1/sales?since=2027-01-01").await.refusal(), "400 unknown_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_thirty_days_are_shown_and_kept_until_something_is_sold() {
    let app = TestApp::start().await;
    sell(&app, "TEA-1", 1999).await;
    let alice = app.customer("alice");
    place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let since = "SELECT extract(epoch FROM now())::bigint";
    let apart = app.database.count(since).await - 1_800_000_000;
    app.advance(apart);
    let analyst = app.by(Role::Analyst);
    let shown = analyst.get("/v1/sales").await.expect(200);
    assert_eq!(shown.json()["data"][0]["orders"], 1);
    let etag = shown.header("etag").unwrap().to_owned();
    let hits = || of_labels("daybook_cache_hits_total", &[("model", "sales")]);
    let before = hits();
    let again = analyst.request(reqwest::Method::GET, "/v1/sales").header("if-none-match", &etag);
    assert_eq!(analyst.send(again).await.status, 304);
    assert!(hits() > before, "it was kept");

    let placed = alice.post("/v1/orders", order(&[("TEA-1", 1)])).await.expect(201);
    let position = placed.header("daybook-position").unwrap();
    let after = analyst.request(reqwest::Method::GET, "/v1/sales").header("daybook-min-position", position);
    let after = analyst.send(after.header("if-none-match", &etag)).await.expect(200);
    assert_eq!(after.json()["data"][0]["orders"], 2);
    app.advance(30 * 86_400);
    let later = app.by(Role::Analyst).get("/v1/sales").await.expect(200).json();
    assert_eq!(later["data"], json!([]), "30 days later it is the 31st day");
}

async fn projection(app: &TestApp) -> Value {
    app.operator().get("/admin/projections/sales").await.expect(200).json()
}

async fn is_proved(app: &TestApp) {
    app.settle().await;
    until("everything is proved", async || {
        let one = projection(app).await;
        one["proved_position"] == one["head"]
            && one["status"] == "running"
            && one["rows_compared_at"].is_string()
    })
    .await;
}

/// Catches: sums that are compared with nothing; a comparison that looks at rows or at sums alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_sum_or_a_row_that_was_changed_by_hand_is_named_until_it_is_right_again() {
    // Two rows at a look.
    let app = TestApp::start_with(|config| {
        config.proof.interval = Span::millis(20);
        config.proof.rows = 2;
    })
    .await;
    some_sales(&app).await;
    is_proved(&app).await;
    let day = today(&app).await;
    app.database
        .execute(
            "CREATE TABLE saved AS SELECT * FROM read.sales_g1;
             CREATE TABLE saved_sums AS SELECT * FROM read.sales_g1_sums",
        )
        .await;
    let tea = "product = 'TEA-1' AND currency = 'EUR'";
    let sum = format!("{day}/TEA-1/EUR");
    let sums_of =
        |day: &str| format!("INSERT INTO read.sales_g1_sums VALUES ('{day}', 'X', 'EUR', 1, 0, 0, 0, 0, 0)");
    let one_row = "id = (SELECT min(id) FROM saved)";
    let (changed, missing) = ("content differs", "the row is missing");
    for (tampering, differences, named, is_for_auditor) in [
        (format!("UPDATE read.sales_g1_sums SET pieces = pieces + 1 WHERE {tea}"), 1, sum.as_str(), true),
        (format!("UPDATE read.sales_g1_sums SET cancelled_amount = 0 WHERE {tea}"), 1, &sum, false),
        (format!("DELETE FROM read.sales_g1_sums WHERE {tea}"), 1, &sum, false),
        (sums_of("2001-01-01"), 1, "2001-01-01/X/EUR", false),
        (sums_of("9999-01-01"), 1, "9999-01-01/X/EUR", true),
        (
            format!("UPDATE read.sales_g1 SET doc = (doc::text || ' ')::json WHERE {one_row}"),
            1,
            changed,
            false,
        ),
        (format!("UPDATE read.sales_g1 SET day = '2001-01-01' WHERE {one_row}"), 1, changed, false),
        // The row itself, and each of its three keys.
        (format!("UPDATE read.sales_g1 SET contributes = '[]' WHERE {one_row}"), 4, changed, true),
        (format!("DELETE FROM read.sales_g1 WHERE {one_row}"), 4, missing, false),
        ("TRUNCATE read.sales_g1, read.sales_g1_sums".into(), 5, missing, false),
    ] {
        app.database.execute(&tampering).await;
        let found = verification_of(&app, "sales").await;
        assert_eq!(found["differences"], differences, "{tampering}: {found}");
        assert!(found["first_difference"].as_str().unwrap().contains(named), "{tampering}: {found}");
        if is_for_auditor {
            until("the auditor finds it", async || {
                let one = projection(&app).await;
                one["status"] == "diverged" && one["reason"].as_str().unwrap().contains(named)
            })
            .await;
        }
        app.database
            .execute(
                "BEGIN; TRUNCATE read.sales_g1, read.sales_g1_sums;
                 INSERT INTO read.sales_g1 SELECT * FROM saved;
                 INSERT INTO read.sales_g1_sums SELECT * FROM saved_sums; COMMIT",
            )
            .await;
    }
    is_proved(&app).await;
    assert_eq!(verification_of(&app, "sales").await["differences"], 0);
}

/// Catches: sums that are loaded without those of the rows that come later; a swap that changes rows and not
/// sums; a generation whose sums stay when it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_under_load_comes_to_the_same_sums() {
    let app = Arc::new(partitioned(2).await);
    some_sales(&app).await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for number in 0..4 {
        let (alice, enough) = (app.customer("alice"), Arc::clone(&enough));
        load.spawn(async move {
            let mut placed = 0;
            while !enough.load(Ordering::Relaxed) {
                let lines = [("TEA-1", 1), ("CUP-1", 2)];
                let id = place(&alice, if number % 2 == 0 { order(&lines) } else { in_yen(&lines) }).await;
                if placed % 3 == 0 {
                    alice.post(&format!("/v1/orders/{id}/cancellation"), json!({})).await.expect(200);
                }
                placed += 1;
            }
            placed
        });
    }
    for generation in 2..=3 {
        let begun = app.operator().post("/admin/projections/sales/rebuilds", json!({})).await.expect(202);
        let rebuild = rebuilt(&app, begun.header("location").unwrap()).await;
        assert_eq!(
            (&rebuild["state"], &rebuild["generation"]),
            (&json!("done"), &json!(generation)),
            "{rebuild}"
        );
        assert!(rebuild["verification"]["sums"].as_i64() > Some(0), "{rebuild}");
    }
    enough.store(true, Ordering::Relaxed);
    let placed: i64 = load.join_all().await.into_iter().sum();
    is_proved(&app).await;
    verified(&app).await;
    let (analyst, day) = (app.by(Role::Analyst), today(&app).await);
    for _ in 0..2 {
        assert_eq!(asked(&analyst, &day, "&by=").await[0]["orders"], 5 + placed);
        app.operator().post("/admin/projections/sales/rollback", json!({})).await.expect(200);
        verified(&app).await;
    }
    let same =
        "SELECT count(*) FROM (SELECT * FROM read.sales_g2_sums EXCEPT SELECT * FROM read.sales_g3_sums) d";
    assert_eq!(app.database.count(same).await, 0);
    until("tables that nobody needs are gone", async || {
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'read' AND tablename LIKE 'sales_g%'";
        app.database.count(tables).await == 4
    })
    .await;
}

/// Workers of two partitions that add to the same sums, in the order of their keys.
/// Catches: sums that are read and written back instead of added to; keys that are not in order.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_add_to_the_same_sums_wait_for_each_other_and_lose_nothing() {
    let app = Arc::new(partitioned(4).await);
    sell(&app, "TEA-1", 1999).await;
    sell(&app, "CUP-1", 300).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1), ("CUP-1", 1)])).await;
    app.settle().await;
    let mut foreign = app.database.foreign_session().await;
    foreign
        .execute("BEGIN; SELECT FROM read.sales_g1_sums WHERE product = 'CUP-1' FOR UPDATE")
        .await
        .unwrap();
    let mut buyers = JoinSet::new();
    for number in 0..40 {
        let alice = app.customer("alice");
        let lines = if number % 2 == 0 { [("TEA-1", 1), ("CUP-1", 1)] } else { [("CUP-1", 1), ("TEA-1", 1)] };
        buyers.spawn(async move { place(&alice, order(&lines)).await });
    }
    buyers.join_all().await;
    until("all partitions wait", async || app.database.waiting_for_lock(SERVER).await >= 4).await;
    foreign.execute("ROLLBACK").await.unwrap();
    let day = today(&app).await;
    let analyst = app.by(Role::Analyst);
    until("all is added up", async || asked(&analyst, &day, "&by=").await[0]["orders"] == 41).await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(app.database.count(deadlocks).await, 0);
    verified(&app).await;
    is_proved(&app).await;
}
