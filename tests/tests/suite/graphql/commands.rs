use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::{Client, Log, TestApp};
use serde_json::{Value, json};

use super::{ask, ask_with, data, fails};
use crate::http::orders::{order, place};

/// Asks for one command with this input, and all that is told of why it was refused.
async fn command(client: &Client, name: &str, input: Value, fields: &str) -> Value {
    let ty = name[..1].to_uppercase() + &name[1..];
    let query = format!(
        "mutation($input: {ty}Input!) {{ {name}(input: $input) {{ {fields} replayed userErrors {{ code field message }} }} }}"
    );
    data(ask_with(client, &query, json!({ "input": input })).await)[name].clone()
}

/// The code and the field of each reason.
fn refusals(payload: &Value) -> Vec<String> {
    let errors = payload["userErrors"].as_array().unwrap_or_else(|| panic!("{payload}"));
    let told = errors.iter().map(|error| {
        assert!(!error["message"].as_str().unwrap().is_empty());
        let field: Vec<&str> =
            error["field"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        format!("{} {}", error["code"].as_str().unwrap(), field.join(".")).trim_end().to_owned()
    });
    told.collect()
}

#[track_caller]
fn done(payload: &Value) -> Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload.clone()
}

/// Every command, as far as an order goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_sold_from_its_draft_to_its_archive() {
    let app = TestApp::start().await;
    let (merchandiser, warehouse) = (app.by(Role::Merchandiser), app.by(Role::Warehouse));
    let (alice, support) = (app.customer("alice"), app.by(Role::Support));
    let price = json!({ "amount": 499, "currency": "EUR" });
    let draft =
        json!({ "sku": "TEA-1", "name": "Earl Grey", "price": price, "metadata": { "origin": "Ceylon" } });
    let created = done(&command(&merchandiser, "productCreate", draft, "id sku version position").await);
    assert_eq!((&created["id"], &created["version"]), (&json!("product/TEA-1"), &json!(1)));
    let yen = json!({ "sku": "TEA-1", "amount": 800, "currency": "JPY", "ifVersion": 1 });
    done(&command(&merchandiser, "productSetPrice", yen, "version").await);
    done(&command(&merchandiser, "productPublish", json!({ "sku": "TEA-1" }), "version").await);
    let receipt = json!({ "sku": "TEA-1", "quantity": 10, "reference": "DN-1", "idempotencyKey": "r-1" });
    let stock = done(&command(&warehouse, "stockReceive", receipt, "id sku onHand available").await);
    assert_eq!((&stock["id"], &stock["available"]), (&json!("stock/TEA-1"), &json!(10)));
    let loss = json!({ "sku": "TEA-1", "delta": -1, "reason": "broken", "idempotencyKey": "a-1" });
    assert_eq!(done(&command(&warehouse, "stockAdjust", loss, "onHand").await)["onHand"], 9);

    let lines = json!([{ "sku": "TEA-1", "quantity": 4 }]);
    let contact = json!({ "name": "Alice", "email": "alice@example.com" });
    let ship_to = json!({ "name": "Alice", "street": "1 Road", "city": "Town", "country": "DE" });
    let input = json!({ "lines": lines, "currency": "EUR", "contact": contact, "shipTo": ship_to, "idempotencyKey": "o-1" });
    let fields = "id status version position total { amount } lines { name quantity unitPrice { amount } }";
    let placed = done(&command(&alice, "orderPlace", input, fields).await);
    assert_eq!((&placed["status"], &placed["total"]["amount"]), (&json!("PLACED"), &json!(4 * 499)));
    assert_eq!(placed["lines"][0]["name"], "Earl Grey");
    let id = &placed["id"];
    for (client, name, input, status) in [
        (&support, "orderConfirm", json!({ "id": id, "ifVersion": 1 }), "CONFIRMED"),
        (
            &warehouse,
            "orderShip",
            json!({ "id": id, "lines": [{ "sku": "TEA-1", "quantity": 1 }], "tracking": "T-1" }),
            "PARTLY_SHIPPED",
        ),
        (&warehouse, "orderShip", json!({ "id": id }), "SHIPPED"),
        (&warehouse, "orderDeliver", json!({ "id": id }), "DELIVERED"),
    ] {
        let mut input = input;
        input["idempotencyKey"] = json!(format!("{name}-{status}"));
        assert_eq!(done(&command(client, name, input, "status").await)["status"], status);
    }
    let other = place(&alice, order(&[("TEA-1", 1)])).await;
    let cancel = json!({ "id": other, "reason": "too late", "idempotencyKey": "c-1" });
    assert_eq!(done(&command(&alice, "orderCancel", cancel, "status").await)["status"], "CANCELLED");
    for name in ["productUnpublish", "productPublish", "productArchive"] {
        done(&command(&merchandiser, name, json!({ "sku": "TEA-1" }), "version").await);
    }
    let log = Log::check(&app.database.superuser).await;
    assert_eq!(log.orders().len(), 2);
    app.settle().await;
    let shown = alice.get(&format!("/v1/orders/{}", id.as_str().unwrap())).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["ship_to"]["city"]), (&json!("delivered"), &json!("Town")));
}

/// Catches: a field whose route names two things in its path.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_of_a_class_and_its_price_is_changed_for_a_time() {
    let app = TestApp::start_having(&[Feature::Tax], |_| {}).await;
    app.sell("TEA-1", 499, 0).await;
    let merchandiser = app.by(Role::Merchandiser);
    let query = "query($at: Long) { product(sku: \"TEA-1\", minPosition: $at) { taxClass priceChanges { id from until price { amount } } } }";
    let shown = async |done: &Value| {
        let found = data(ask_with(&merchandiser, query, json!({ "at": done["position"] })).await);
        found["product"].clone()
    };
    let class = json!({ "sku": "TEA-1", "class": "food" });
    let classified = done(&command(&merchandiser, "productSetTaxClass", class, "position").await);
    assert_eq!(shown(&classified).await, json!({ "taxClass": "food", "priceChanges": [] }));
    let offer = json!({ "sku": "TEA-1", "price": { "amount": 399, "currency": "EUR" }, "from": app.now() });
    let fields = "id priceChange position";
    let scheduled = done(&command(&merchandiser, "productSchedulePrice", offer.clone(), fields).await);
    let id = &scheduled["priceChange"];
    assert_eq!(scheduled["id"], "product/TEA-1");
    let change = json!({ "id": id, "from": app.now(), "until": null, "price": { "amount": 399 } });
    assert_eq!(shown(&scheduled).await["priceChanges"], json!([change]));
    let twice = command(&merchandiser, "productSchedulePrice", offer, fields).await;
    assert_eq!(refusals(&twice), ["PRICE_CHANGE_OVERLAPS"]);
    let cancel = json!({ "sku": "TEA-1", "id": id });
    let cancelled = done(&command(&merchandiser, "productCancelPriceChange", cancel, "position").await);
    assert_eq!(shown(&cancelled).await["priceChanges"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_left_out_stay_and_null_removes() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 0).await;
    let merchandiser = app.by(Role::Merchandiser);
    let describe = async |input: Value| {
        let mut input = input;
        input["sku"] = json!("TEA-1");
        let described = done(&command(&merchandiser, "productDescribe", input, "position").await);
        let query =
            "query($at: Long) { product(sku: \"TEA-1\", minPosition: $at) { name description metadata } }";
        data(ask_with(&merchandiser, query, json!({ "at": described["position"] })).await)["product"].clone()
    };
    let all = describe(json!({ "name": "N", "description": "D", "metadata": { "a": "1", "b": "2" } })).await;
    assert_eq!(all, json!({ "name": "N", "description": "D", "metadata": { "a": "1", "b": "2" } }));
    let some = describe(json!({ "metadata": { "a": null, "c": "3" } })).await;
    assert_eq!(some, json!({ "name": "N", "description": "D", "metadata": { "b": "2", "c": "3" } }));
    let less = describe(json!({ "description": null, "metadata": null })).await;
    assert_eq!(less, json!({ "name": "N", "description": "", "metadata": {} }));
    // A variable that is not given leaves its member out, too.
    let query = "mutation($d: String, $n: String) { productDescribe(input: { sku: \"TEA-1\", description: $d, name: $n }) \
                 { userErrors { code } } }";
    data(ask_with(&merchandiser, query, json!({ "n": "M" })).await);
    assert_eq!(describe(json!({})).await, json!({ "name": "M", "description": "", "metadata": {} }));
    let nameless =
        command(&merchandiser, "productDescribe", json!({ "sku": "TEA-1", "name": null }), "version").await;
    assert_eq!(refusals(&nameless), ["VALIDATION_FAILED name"]);
    assert_eq!(nameless["version"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_can_mend_is_told_in_the_payload() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    let alice = app.customer("alice");
    let placing = |change: &dyn Fn(&mut Value)| {
        let mut input =
            json!({ "lines": [{ "sku": "TEA-1", "quantity": 1 }], "currency": "EUR", "idempotencyKey": "k" });
        change(&mut input);
        command(&alice, "orderPlace", input, "id status position lines { sku }")
    };
    for (change, told) in [
        (
            &(|input: &mut Value| input["lines"][0]["quantity"] = json!(6)) as &dyn Fn(&mut Value),
            vec!["INSUFFICIENT_STOCK lines.0"],
        ),
        (&|input| input["lines"][0]["sku"] = json!("CUP-1"), vec!["PRODUCT_NOT_FOUND lines.0"]),
        (&|input| input["lines"][0]["sku"] = json!("a b"), vec!["VALIDATION_FAILED lines.0.sku"]),
        (&|input| input["lines"] = json!([]), vec!["VALIDATION_FAILED lines"]),
        (&|input| input["currency"] = json!("XXY"), vec!["VALIDATION_FAILED currency"]),
        (
            &|input| input["shipTo"] = json!({ "name": "A", "street": "1", "city": "", "country": "DE" }),
            vec!["VALIDATION_FAILED shipTo.city"],
        ),
        (&|input| input["externalId"] = json!(" x"), vec!["VALIDATION_FAILED externalId"]),
        (&|input| input["metadata"] = json!({ "some_key": 1 }), vec!["VALIDATION_FAILED metadata.some_key"]),
        (
            &|input| (input["lines"][0]["quantity"], input["currency"]) = (json!(0), json!("")),
            vec!["VALIDATION_FAILED currency", "VALIDATION_FAILED lines.0.quantity"],
        ),
    ] {
        let payload = placing(change).await;
        let mut found = refusals(&payload);
        found.sort();
        assert_eq!(found, told);
        for nothing in ["id", "status", "position", "lines"] {
            assert_eq!(payload[nothing], Value::Null, "{payload}");
        }
        assert_eq!(payload["replayed"], false);
    }
    let merchandiser = app.by(Role::Merchandiser);
    let again = json!({ "sku": "TEA-1", "name": "Tea", "price": { "amount": 1, "currency": "EUR" } });
    assert_eq!(refusals(&command(&merchandiser, "productCreate", again, "id").await), ["ALREADY_EXISTS"]);
    let stale = json!({ "sku": "TEA-1", "ifVersion": 1 });
    assert_eq!(refusals(&command(&merchandiser, "productUnpublish", stale, "id").await), ["STALE_VERSION"]);
    assert_eq!(Log::check(&app.database.superuser).await.orders().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_an_error_of_its_field() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    let cancel =
        format!("mutation {{ orderCancel(input: {{ id: \"{id}\", idempotencyKey: \"k\" }}) {{ status }} }}");
    assert_eq!(fails(ask(&app.anonymous, &cancel).await), ["unauthenticated orderCancel"]);
    assert_eq!(fails(ask(&bob, &cancel).await), ["not_found orderCancel"]);
    assert_eq!(fails(ask(&app.by(Role::Analyst), &cancel).await), ["forbidden orderCancel"]);
    let nothing = "mutation { orderCancel(input: { id: \"x\", idempotencyKey: \"k\" }) { status } }";
    assert_eq!(fails(ask(&alice, nothing).await), ["not_found orderCancel"]);
    for bad in ["", "ä", &"k".repeat(256)] {
        let query = "mutation($id: ID!, $k: String!) { orderCancel(input: { id: $id, idempotencyKey: $k }) { status } }";
        let reply = ask_with(&alice, query, json!({ "id": id, "k": bad })).await;
        assert_eq!(fails(reply), ["malformed_request orderCancel"], "{bad}");
    }
    let keyless = "mutation($id: ID!) { orderCancel(input: { id: $id }) { status } }";
    let reply = ask_with(&alice, keyless, json!({ "id": id })).await.expect(200).json();
    assert_eq!(reply["data"], Value::Null);
    assert!(reply["errors"][0]["message"].as_str().unwrap().contains("idempotencyKey"), "{reply}");
    let log = Log::check(&app.database.superuser).await;
    assert_eq!(log.orders().len(), 1);
    // A refusal is audited as one over HTTP is.
    let audited = "SELECT count(*) FROM audit WHERE actor = 'analyst' AND action = 'GraphQL orderCancel' AND outcome = 'forbidden'";
    daybook_tests::until("the refusal is audited", async || app.database.count(audited).await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_whichever_interface_it_comes_through() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 10).await;
    let alice = app.customer("alice");
    let input = |key: &str, quantity: i64| json!({ "lines": [{ "sku": "TEA-1", "quantity": quantity }], "currency": "EUR", "idempotencyKey": key });
    let fields = "id status version position total { amount currency } lines { sku name quantity unitPrice { amount currency } total { amount currency } }";
    let events = "SELECT count(*) FROM events";

    // HTTP first.
    let rest = alice.post_keyed("/v1/orders", "K-1", order(&[("TEA-1", 2)])).await.expect(201).json();
    let before = app.database.count(events).await;
    let repeat = command(&alice, "orderPlace", input("K-1", 2), fields).await;
    assert_eq!((&repeat["replayed"], &repeat["userErrors"]), (&json!(true), &json!([])));
    for member in ["id", "version", "position", "total"] {
        assert_eq!(repeat[member], rest[member], "{member}");
    }
    assert_eq!(repeat["lines"][0]["unitPrice"], rest["lines"][0]["unit_price"]);
    let other = command(&alice, "orderPlace", input("K-1", 3), fields).await;
    assert_eq!(refusals(&other), ["IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(app.database.count(events).await, before);

    // GraphQL first; the key is bare or quoted, as HTTP takes it.
    let first = done(&command(&alice, "orderPlace", input("two words", 1), fields).await);
    assert_eq!(first["replayed"], false);
    let before = app.database.count(events).await;
    let again = command(&alice, "orderPlace", input("two words", 1), fields).await;
    assert_eq!((&again["replayed"], &again["id"]), (&json!(true), &first["id"]));
    let rest = alice.post_keyed("/v1/orders", "\"two words\"", order(&[("TEA-1", 1)])).await.expect(201);
    assert_eq!(rest.header("idempotent-replayed"), Some("true"));
    assert_eq!((&rest.json()["id"], &rest.json()["position"]), (&first["id"], &first["position"]));
    let other = alice.post_keyed("/v1/orders", "\"two words\"", order(&[("TEA-1", 9)])).await;
    assert_eq!(other.refusal(), "422 idempotency_key_reused");
    // Another's key is another key.
    let bobs = command(&app.customer("bob"), "orderPlace", input("K-1", 1), fields).await;
    assert_eq!(done(&bobs)["replayed"], false);
    assert_eq!(app.database.count(events).await, before + 2);
    Log::check(&app.database.superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_request_are_each_their_own_in_their_order() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 5).await;
    let alice = app.customer("alice");
    let query = "mutation($lines: [PlaceLineInput!]!, $many: [PlaceLineInput!]!) { \
        a: orderPlace(input: { lines: $lines, currency: \"EUR\", idempotencyKey: \"a\" }) { ...P } \
        b: orderPlace(input: { lines: $many, currency: \"EUR\", idempotencyKey: \"b\" }) { ...P } \
        c: stockAdjust(input: { sku: \"TEA-1\", delta: 1, reason: \"x\", idempotencyKey: \"c\" }) { onHand } \
        d: orderPlace(input: { lines: $lines, currency: \"EUR\", idempotencyKey: \"d\" }) { ...P } } \
        fragment P on OrderPlacePayload { position userErrors { code } }";
    let line = |quantity: i64| json!([{ "sku": "TEA-1", "quantity": quantity }]);
    let reply = ask_with(&alice, query, json!({ "lines": line(2), "many": line(9) })).await;
    let told = reply.header("daybook-position").map(str::to_owned);
    let found = reply.json()["data"].clone();
    assert_eq!(fails(reply), ["forbidden c"]);
    assert_eq!(found["b"]["userErrors"], json!([{ "code": "INSUFFICIENT_STOCK" }]));
    assert_eq!(found["c"], Value::Null);
    let position = |name: &str| found[name]["position"].as_i64().unwrap_or_else(|| panic!("{found}"));
    assert!(position("a") < position("d"), "{found}");
    assert_eq!(told, Some(position("d").to_string()));
    assert_eq!(Log::check(&app.database.superuser).await.orders().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tax_rate_is_set_and_shown() {
    let app = TestApp::start_having(&[Feature::Tax], |_| {}).await;
    let admin = app.by(Role::Admin);
    let first = json!({ "country": "DE", "class": "books", "rate": "7", "validFrom": "2021-01-01" });
    let set = done(&command(&admin, "taxSetRate", first, "id country version position").await);
    assert_eq!((&set["id"], &set["version"]), (&json!("DE"), &json!(1)));
    let other = json!({ "country": "DE", "class": "books", "rate": "5", "validFrom": "2021-01-01" });
    let refused = command(&admin, "taxSetRate", other, "version").await;
    assert_eq!(refusals(&refused), ["TAX_RATE_IN_FORCE"]);
    let unfit = json!({ "country": "DE", "class": "tea", "rate": "5", "reason": "EXEMPT", "validFrom": "2021-01-01" });
    let refused = command(&admin, "taxSetRate", unfit, "version").await;
    assert_eq!(refusals(&refused), ["VALIDATION_FAILED reason"]);
    let query = "query($at: Long) { \
        tax(country: \"DE\", minPosition: $at) { country version rates { class region rate reason validFrom validUntil } } \
        taxes(first: 1, minPosition: $at) { nodes { country } } \
        taxHistory(country: \"DE\") { nodes { what who } } }";
    let found = data(ask_with(&app.by(Role::Analyst), query, json!({ "at": set["position"] })).await);
    let rate = json!({
        "class": "books", "region": null, "rate": "7", "reason": "STANDARD", "validFrom": "2021-01-01",
        "validUntil": null,
    });
    assert_eq!(found["tax"], json!({ "country": "DE", "version": 1, "rates": [rate] }));
    assert_eq!(found["taxes"]["nodes"], json!([{ "country": "DE" }]));
    assert_eq!(found["taxHistory"]["nodes"], json!([{ "what": "TaxRateSet", "who": "admin" }]));
}
