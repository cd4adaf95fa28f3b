//! What a refusal tells: nothing that its reader may not read, whether in its code, its words or its headers.

use std::collections::BTreeSet;

use daybook_domain::policy::Role;
use daybook_http::problem::catalogue;
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::orders::{order, place};

/// What a customer may not read. Each stands nowhere by chance.
const SECRETS: &[&str] = &[
    // Subjects of the staff and of another customer.
    "sam.kumquat",
    "mia.kumquat",
    "wim.kumquat",
    "bob.quitte",
    // The words and the price of products that are not published.
    "Pfirsichmus",
    "48273",
    "shop-number-of-a-draft",
    // Figures of the stock: on hand, held, allocated, available.
    "7431976",
    "31178",
    "17377",
    "7383421",
    // What another customer, or the shop, has said of an order.
    "number-of-bobs-order",
    "number-of-the-shop",
    "Zwetschgenrabatt",
    "Quittenkanal",
];

/// Codes that no customer is refused with, whatever they send, and why.
const NOT_A_CUSTOMERS: &[(&str, &str)] = &[
    // What concerns the account of the one who asks, which the tests of accounts ask for.
    ("accounts_elsewhere", "of one's own account"),
    ("address_not_pending", "of one's own account"),
    ("address_taken", "of one's own account"),
    ("address_unverified", "of one's own account"),
    ("confirmation_required", "of one's own account"),
    ("factor_exists", "of one's own account"),
    ("identity_taken", "of one's own account"),
    ("invalid_attempt", "of one's own account"),
    ("invalid_code", "of one's own account"),
    ("invalid_credentials", "of one's own account"),
    ("invalid_link", "of one's own account"),
    ("last_way_in", "of one's own account"),
    ("orders_open", "of one's own account"),
    ("refused_elsewhere", "of one's own account"),
    ("second_factor_required", "of one's own account"),
    ("too_many_factors", "of one's own account"),
    ("too_many_identities", "of one's own account"),
    ("too_many_keys", "of one's own account"),
    ("weak_password", "of one's own account"),
    ("role_built_in", "roles that administrators make"),
    ("rule_for_admins", "roles that administrators make"),
    ("rule_not_held", "roles that administrators make"),
    ("too_many_roles", "roles that administrators make"),
    ("unknown_rule", "roles that administrators make"),
    ("head_too_large", "requests of which nobody knows whose they are"),
    ("price_change_overlaps", "changes of the catalogue"),
    ("too_many_price_changes", "changes of the catalogue"),
    ("product_archived", "changes of the catalogue, and orders of those who may read such products"),
    ("product_not_published", "orders of those who may read such products"),
    ("too_many_currencies", "changes of the catalogue"),
    ("tax_unknown", "a shop that lacks a rate: it says the tax class, which everyone sees at the product"),
    ("tax_rate_in_force", "tax rates, which administrators set"),
    ("stock_out_of_range", "movements of stock"),
    ("nothing_to_adjust", "movements of stock"),
    ("stock_not_promised", "a defect"),
    ("currency_mismatch", "prices that were agreed"),
    ("order_not_confirmable", "confirmations"),
    ("order_not_shippable", "shipments"),
    ("shipment_exceeds_order", "shipments"),
    ("nothing_to_ship", "shipments"),
    ("order_not_deliverable", "deliveries"),
    ("conflict", "operators"),
    ("already_running", "operators"),
    ("last_signing_key", "operators"),
    ("overloaded", "machinery, in words that are always the same"),
    ("unavailable", "machinery, in words that are always the same"),
    ("deadline_exceeded", "machinery, in words that are always the same"),
    ("outcome_unknown", "machinery, in words that are always the same"),
    ("read_model_behind", "machinery, in words that are always the same"),
    ("internal", "machinery, in words that are always the same"),
    ("idempotency_in_flight", "two of one's own at the same moment, in words that are always the same"),
    ("request_timeout", "a body that comes too slowly, in words that are always the same"),
    ("rate_limited", "one's own requests, in words that are always the same"),
];

/// Headers that have nothing to do with what was asked for.
const OF_EVERY_ANSWER: &[&str] = &["date", "x-request-id", "traceparent", "ratelimit", "ratelimit-policy"];

/// A shop with much that a customer may not read.
struct Shop {
    app: TestApp,
    alice: Client,
    /// Another customer's order, and a guest's.
    bobs: String,
    guests: String,
    /// Alice's own, one of which was shipped.
    own: String,
    shipped: String,
}

impl Shop {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (sam, mia) =
            (app.named("sam.kumquat", Role::Support), app.named("mia.kumquat", Role::Merchandiser));
        let wim = app.named("wim.kumquat", Role::Warehouse);
        app.sell("TEA-1", 1999, 0).await;
        let found = |delta: i64| json!({"delta": delta, "reason": "found"});
        wim.post("/v1/stock/TEA-1/adjustments", found(7_431_977)).await.expect(200);
        app.sell("GOLD", 1_000_000_000_000, 0).await;
        wim.post("/v1/stock/GOLD/adjustments", found(10_000_000)).await.expect(200);
        for sku in ["DRAFTED", "ARCHIVE"] {
            let product = json!({
                "sku": sku, "name": "Pfirsichmus", "price": {"amount": 48273, "currency": "EUR"},
                "external_id": format!("shop-number-of-a-draft-{sku}"),
            });
            mia.post("/v1/products", product).await.expect(201);
            wim.post(&format!("/v1/stock/{sku}/adjustments"), found(7_431_976)).await.expect(200);
        }
        mia.post("/v1/products/ARCHIVE/archival", json!({})).await.expect(200);
        let (alice, bob) = (app.customer("alice"), app.customer("bob.quitte"));
        let mut body = order(&[("TEA-1", 31_177)]);
        body["external_id"] = json!("number-of-bobs-order");
        let bobs = place(&bob, body).await;
        let mut body = order(&[("TEA-1", 17_377)]);
        body["external_id"] = json!("number-of-the-shop");
        body["lines"][0]["unit_price"] = json!({"amount": 1, "currency": "EUR"});
        body["override_reason"] = json!("Zwetschgenrabatt");
        body["metadata"] = json!({"channel": "Quittenkanal"});
        let guests = place(&sam, body).await;
        sam.post(&format!("/v1/orders/{guests}/confirmation"), json!({})).await.expect(200);
        let mut body = order(&[("TEA-1", 1)]);
        body["external_id"] = json!("number-of-my-own");
        let own = place(&alice, body).await;
        let shipped = place(&alice, order(&[("TEA-1", 1)])).await;
        sam.post(&format!("/v1/orders/{shipped}/confirmation"), json!({})).await.expect(200);
        wim.post(&format!("/v1/orders/{shipped}/shipments"), json!({})).await.expect(200);
        app.settle().await;
        let stock = wim.get("/v1/stock/TEA-1").await.json();
        let figures = ["on_hand", "held", "allocated", "available"].map(|name| stock[name].to_string());
        assert!(figures.iter().all(|figure| SECRETS.contains(&figure.as_str())), "{figures:?}");
        Self { app, alice, bobs, guests, own, shipped }
    }

    fn anonymous(&self) -> &Client {
        &self.app.anonymous
    }
}

fn nobodys_order() -> String {
    format!("ord_{}", "0".repeat(32))
}

fn assert_tells_nothing(what: &str, reply: &Reply) {
    let (_, headers, body) = told(reply, "");
    let all = format!("{headers:?} {body}");
    for secret in SECRETS {
        assert!(!all.contains(secret), "{what} tells {secret}: {all}");
    }
}

/// All of an answer that may tell two things apart, without the names that the caller has used.
fn told(reply: &Reply, named: &str) -> (u16, Vec<String>, String) {
    let of_this = |name: &str| !OF_EVERY_ANSWER.contains(&name);
    let headers = reply.headers.iter().filter(|(name, _)| of_this(name.as_str()));
    let mut headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let mut body = reply.json();
    // The caller's own, and full of digits.
    for name in ["request_id", "trace_id"] {
        body[name] = Value::Null;
    }
    let body = body.to_string();
    (reply.status, headers, if named.is_empty() { body } else { body.replace(named, "…") })
}

/// Everything that a customer can be refused.
async fn refusals(shop: &Shop) -> Vec<(String, Reply)> {
    let Shop { alice, own, shipped, bobs, guests, .. } = shop;
    let mut all = Vec::new();
    let mut note = |what: &str, reply: Reply| all.push((what.to_owned(), reply));
    for sku in ["NOTHING", "DRAFTED", "ARCHIVE"] {
        note("order of what is not for sale", alice.post("/v1/orders", order(&[(sku, 1)])).await);
        let mut dollars = order(&[("TEA-1", 1), (sku, 1)]);
        dollars["currency"] = json!("USD");
        note("order in dollars", alice.post("/v1/orders", dollars).await);
        note("quote of what is not for sale", alice.post("/v1/quotes", order(&[(sku, 1)])).await);
        note("product", alice.get(&format!("/v1/products/{sku}")).await);
        note("product for nobody", shop.anonymous().get(&format!("/v1/products/{sku}")).await);
        note("history of a product", alice.get(&format!("/v1/products/{sku}/history")).await);
        note("stock", alice.get(&format!("/v1/stock/{sku}")).await);
    }
    note("more than there is", alice.post("/v1/orders", order(&[("TEA-1", 100_000); 74])).await);
    note("dear", alice.post("/v1/orders", order(&[("GOLD", 100_000); 93])).await);
    let asked = alice.post("/v1/quotes", order(&[("TEA-1", 1)])).await.expect(200).json();
    let quote = asked["quote"].as_str().unwrap();
    let cheaper = format!("{}{:016x}{}", &quote[..32], 1, &quote[48..]);
    for (what, quote, pieces) in [("quoted for less", cheaper.as_str(), 1), ("quoted for others", quote, 2)] {
        let mut quoted = order(&[("TEA-1", pieces)]);
        quoted["quote"] = json!(quote);
        note(what, alice.post("/v1/orders", quoted).await);
    }
    let mut again = order(&[("TEA-1", 1)]);
    again["external_id"] = json!("number-of-my-own");
    note("own number again", alice.post("/v1/orders", again).await);
    for number in ["number-of-bobs-order", "number-of-the-shop"] {
        let mut theirs = order(&[("TEA-1", 1)]);
        theirs["external_id"] = json!(number);
        alice.post("/v1/orders", theirs).await.expect(201);
    }
    for id in [bobs, guests, &nobodys_order()] {
        let path = format!("/v1/orders/{id}");
        note("order", alice.get(&path).await);
        note("past of an order", alice.get(&format!("{path}?as_of_position=9")).await);
        note("history of an order", alice.get(&format!("{path}/history")).await);
        note("cancellation", alice.post(&format!("{path}/cancellation"), json!({})).await);
        let stale = alice.request(Method::POST, &format!("{path}/cancellation"));
        let stale = stale.header("idempotency-key", format!("stale-{id}")).header("if-match", "\"77\"");
        note("cancellation of a version", alice.send(stale).await);
        for what in ["confirmation", "shipments", "delivery"] {
            note(what, alice.post(&format!("{path}/{what}"), json!({})).await);
        }
    }
    note("too late", alice.post(&format!("/v1/orders/{shipped}/cancellation"), json!({})).await);
    let stale = alice.request(Method::POST, &format!("/v1/orders/{own}/cancellation"));
    let stale = stale.header("idempotency-key", "stale").header("if-match", "\"77\"");
    note("stale", alice.send(stale).await);
    alice.post_keyed("/v1/orders", "used", order(&[("TEA-1", 1)])).await.expect(201);
    note("used key", alice.post_keyed("/v1/orders", "used", order(&[("TEA-1", 2)])).await);
    let mut for_bob = order(&[("TEA-1", 1)]);
    for_bob["customer"] = json!("bob");
    note("for another", alice.post("/v1/orders", for_bob).await);
    note("orders of another", alice.get("/v1/orders?customer=bob").await);
    note("nobody's order", shop.anonymous().get(&format!("/v1/orders/{bobs}")).await);
    note("no lines", alice.post("/v1/orders", order(&[])).await);
    note("no key", alice.send(alice.request(Method::POST, "/v1/orders").json(&order(&[("TEA-1", 1)]))).await);
    note("no such parameter", alice.get("/v1/orders?order=1").await);
    note("bad parameter", alice.get("/v1/orders?limit=0").await);
    note(
        "other form",
        alice.send(alice.request(Method::GET, "/v1/orders").header("accept", "text/csv")).await,
    );
    note("other method", alice.delete("/v1/orders").await);
    let text = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "text");
    note("text", alice.send(text.header("content-type", "text/plain").body("tea")).await);
    let large = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "large");
    let large = large.header("content-type", "application/json").body(" ".repeat(20 << 20));
    note("large", alice.send(large).await);
    all
}

/// Catches: a code that tells a draft from nothing, a figure of the stock in a detail, another's order in a conflict.
/// A new code fails here until it is asked for, or named as one that no customer is refused with.
#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_of_a_customer_tells_what_they_may_not_read() {
    let shop = Shop::open().await;
    let mut codes = BTreeSet::new();
    for (what, reply) in refusals(&shop).await {
        assert!(reply.status >= 400, "{what} was not refused: {}", reply.text());
        assert_tells_nothing(&what, &reply);
        codes.insert(reply.code());
    }
    let named: BTreeSet<String> = NOT_A_CUSTOMERS.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(codes.intersection(&named).collect::<Vec<_>>(), Vec::<&String>::new());
    let all: BTreeSet<String> = catalogue().map(|code| code.as_str().to_owned()).collect();
    let both: BTreeSet<String> = codes.union(&named).cloned().collect();
    assert_eq!(all, both);
}

/// Catches: anything that tells what is hidden from what isn't there: a word, a status, a header.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_refused_as_what_is_not_there() {
    let shop = Shop::open().await;
    let alice = &shop.alice;
    let nothing = async |client: &Client, method: Method, path: &str, named: &str, body: Value| {
        let request = client.request(method.clone(), &path.replace("{}", named));
        let key = format!("{method}-{path}-{named}").replace(['/', '{', '}', '?', '='], "-");
        let request = request.header("idempotency-key", key);
        let reply = match body {
            Value::Null => client.send(request).await,
            body => client.send(request.json(&body)).await,
        };
        told(&reply, named)
    };
    for path in ["/v1/products/{}", "/v1/products/{}?as_of_position=1000", "/v1/stock/{}"] {
        for client in [alice, shop.anonymous()] {
            let absent = nothing(client, Method::GET, path, "NOTHING", Value::Null).await;
            for sku in ["DRAFTED", "ARCHIVE"] {
                assert_eq!(
                    nothing(client, Method::GET, path, sku, Value::Null).await,
                    absent,
                    "{path} {sku}"
                );
            }
        }
    }
    let absent = nothing(alice, Method::POST, "/v1/orders", "NOTHING", order(&[("NOTHING", 1)])).await;
    for sku in ["DRAFTED", "ARCHIVE"] {
        let refused = nothing(alice, Method::POST, "/v1/orders", sku, order(&[(sku, 1)])).await;
        assert_eq!(refused, absent, "{sku}");
    }
    for (method, path) in [
        (Method::GET, "/v1/orders/{}"),
        (Method::GET, "/v1/orders/{}?as_of_position=1"),
        (Method::GET, "/v1/orders/{}/history"),
        (Method::POST, "/v1/orders/{}/cancellation"),
        (Method::POST, "/v1/orders/{}/shipments"),
    ] {
        let body = if method == Method::POST { json!({}) } else { Value::Null };
        let absent = nothing(alice, method.clone(), path, &nobodys_order(), body.clone()).await;
        for id in [&shop.bobs, &shop.guests] {
            let refused = nothing(alice, method.clone(), path, id, body.clone()).await;
            assert_eq!(refused, absent, "{method} {path}");
        }
    }
}

/// The staff is told what it may read, each role for itself.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_may_read_it_are_told() {
    let shop = Shop::open().await;
    let (support, admin) = (shop.app.by(Role::Support), shop.app.by(Role::Admin));
    let short = support.post("/v1/orders", order(&[("TEA-1", 100_000); 74])).await;
    assert_eq!(short.code(), "insufficient_stock");
    assert!(short.json()["detail"].as_str().unwrap().contains("7383421 available"), "{}", short.text());
    let lost = json!({"delta": -8_000_000, "reason": "lost"});
    let short = shop.app.by(Role::Warehouse).post("/v1/stock/TEA-1/adjustments", lost).await;
    assert!(short.json()["detail"].as_str().unwrap().contains("7383421 available"), "{}", short.text());
    for (sku, code) in [
        ("NOTHING", "product_not_found"),
        ("DRAFTED", "product_not_published"),
        ("ARCHIVE", "product_archived"),
    ] {
        assert_eq!(support.post("/v1/orders", order(&[(sku, 1)])).await.code(), "product_not_found", "{sku}");
        assert_eq!(admin.post("/v1/orders", order(&[(sku, 1)])).await.code(), code);
    }
}
