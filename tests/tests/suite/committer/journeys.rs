//! What an order lives through.

use daybook_commands::{
    CommandError, Context,
    orders::{CancelOrderRequest, ConfirmOrder, PlaceOrderRequest},
    products::{ArchiveProduct, CreateProduct, DescribeProduct, PublishProduct, UnpublishProduct},
    stock::AdjustStock,
};
use daybook_domain::{
    money::{Currency, Money},
    order::{MAX_LINES, Status},
    patch::Patch,
    policy::{Actor, Role},
    stock::{Stock, StockCode},
};
use daybook_tests::{
    Log, Shop, TestDatabase,
    shop::{by, euros, member, new_order_id, order, order_id, refused, sku},
};
use serde_json::json;

fn alice() -> Context {
    by(Role::Customer)
}

fn bob() -> Context {
    Context { actor: Actor { subject: "bob".into(), ..alice().actor }, ..alice() }
}

#[tokio::test]
async fn an_order_goes_from_the_shelf_to_the_door() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.sell("CUP", 450).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let received = shop.receive("CUP", 20).await.unwrap();
    assert_eq!(member(&received, "/on_hand"), 20);
    assert_eq!(received.version, 1);

    let placed = shop.place(alice(), order(&[("TEAPOT", 2), ("CUP", 3), ("CUP", 4)])).await.unwrap();
    let id = order_id(&placed);
    assert!(!placed.replayed);
    assert_eq!(member(&placed, "/status"), "placed");
    assert_eq!(member(&placed, "/total"), json!({"amount": 2 * 1999 + 7 * 450, "currency": "EUR"}));
    assert_eq!(member(&placed, "/lines/1/name"), "Product CUP");
    assert_eq!(member(&placed, "/lines/2/total"), json!({"amount": 4 * 450, "currency": "EUR"}));

    let confirmed = shop.confirm(id).await.unwrap();
    assert_eq!(member(&confirmed, "/status"), "confirmed");
    let first = shop.ship(id, Some(&[("CUP", 5)])).await.unwrap();
    assert_eq!(member(&first, "/status"), "partly_shipped");
    let rest = shop.ship(id, None).await.unwrap();
    assert_eq!(member(&rest, "/status"), "shipped");
    let delivered = shop.deliver(id).await.unwrap();
    assert_eq!(member(&delivered, "/status"), "delivered");
    assert_eq!(delivered.version, 5);

    let log = Log::check(&database.superuser).await;
    assert_eq!(log.head(), delivered.position);
    assert_eq!(log.stock("TEAPOT"), Stock { on_hand: 8, held: 0, allocated: 0 });
    assert_eq!(log.stock("CUP"), Stock { on_hand: 13, held: 0, allocated: 0 });
    shop.close().await;
}

#[tokio::test]
async fn the_events_of_a_command_stand_together_and_say_who_asked() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let context = Context { traceparent: Some("00-aa-bb-01".into()), ..alice() };
    let placed = shop.place(context, order(&[("TEAPOT", 2)])).await.unwrap();
    let log = Log::check(&database.superuser).await;
    assert_eq!(&log.names()[3..], ["StockHeld", "OrderPlaced"]);
    for record in &log.records[3..] {
        assert_eq!(record.metadata["actor"], "alice");
        assert_eq!(record.metadata["traceparent"], "00-aa-bb-01");
        assert_eq!(record.request_id(), "of-a-test");
    }
    assert_eq!(placed.position, log.head());
    shop.close().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_back_what_it_held_once() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let held = order_id(&shop.buy("TEAPOT", 4).await.unwrap());
    let allocated = order_id(&shop.buy("TEAPOT", 6).await.unwrap());
    shop.confirm(allocated).await.unwrap();
    assert_eq!(refused(shop.buy("TEAPOT", 1).await), "insufficient_stock");
    for id in [held, held, allocated, allocated] {
        assert_eq!(member(&shop.cancel(id).await.unwrap(), "/status"), "cancelled");
    }
    let log = Log::check(&database.superuser).await;
    assert_eq!(log.stock("TEAPOT"), Stock { on_hand: 10, held: 0, allocated: 0 });
    shop.close().await;
}

#[tokio::test]
async fn an_order_is_placed_wholly_or_not_at_all() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.sell("CUP", 450).await;
    shop.receive("CUP", 5).await.unwrap();
    shop.receive("TEAPOT", 5).await.unwrap();
    let before = Log::read(&database.superuser).await.head();
    let short = shop.place(alice(), order(&[("CUP", 1), ("TEAPOT", 3), ("TEAPOT", 3)])).await;
    let Err(CommandError::Refused(refusal)) = short else { panic!("{short:?}") };
    assert_eq!(refusal.code, StockCode::Insufficient.code());
    assert_eq!(refusal.pointer.as_deref(), Some("/lines/1"));
    assert!(refusal.detail.contains("TEAPOT"), "{}", refusal.detail);
    assert_eq!(Log::check(&database.superuser).await.head(), before);
    // What the refused one had held for a moment is free.
    shop.place(alice(), order(&[("CUP", 5), ("TEAPOT", 5)])).await.unwrap();
    shop.close().await;
}

#[tokio::test]
async fn only_what_is_for_sale_can_be_ordered() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    assert_eq!(refused(shop.buy("NOTHING", 1).await), "product_not_found");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let dollars = PlaceOrderRequest { currency: Currency::USD, ..order(&[("TEAPOT", 1)]) };
    assert_eq!(refused(shop.place(alice(), dollars).await), "price_not_available");
    shop.ask(by(Role::Merchandiser), UnpublishProduct { sku: sku("TEAPOT") }).await.unwrap();
    let by_admin = async || refused(shop.place(by(Role::Admin), order(&[("TEAPOT", 1)])).await);
    assert_eq!(by_admin().await, "product_not_published");
    assert_eq!(refused(shop.buy("TEAPOT", 1).await), "product_not_found");
    shop.ask(by(Role::Merchandiser), PublishProduct { sku: sku("TEAPOT") }).await.unwrap();
    shop.buy("TEAPOT", 1).await.unwrap();
    shop.ask(by(Role::Merchandiser), ArchiveProduct { sku: sku("TEAPOT") }).await.unwrap();
    assert_eq!(by_admin().await, "product_archived");
    assert_eq!(refused(shop.buy("TEAPOT", 1).await), "product_not_found");
    Log::check(&database.superuser).await;
    shop.close().await;
}

#[tokio::test]
async fn a_price_is_the_catalogues_unless_support_agreed_on_another() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let cheap = || {
        let mut cheap = order(&[("TEAPOT", 1)]);
        cheap.lines[0].unit_price = Some(euros(5));
        cheap.override_reason = Some("damaged".parse().unwrap());
        cheap
    };
    assert_eq!(refused(shop.place(alice(), cheap()).await), "forbidden");
    let for_alice = PlaceOrderRequest { customer: Some("alice".parse().unwrap()), ..cheap() };
    let placed = shop.place(by(Role::Support), for_alice).await.unwrap();
    assert_eq!(member(&placed, "/total/amount"), 5);
    let mut dollars = cheap();
    dollars.lines[0].unit_price = Some(Money::new(5, Currency::USD).try_into().unwrap());
    assert_eq!(refused(shop.place(by(Role::Support), dollars).await), "currency_mismatch");
    shop.close().await;
}

#[tokio::test]
async fn nobody_orders_for_somebody_else_but_support() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let for_alice =
        || PlaceOrderRequest { customer: Some("alice".parse().unwrap()), ..order(&[("TEAPOT", 1)]) };
    assert_eq!(refused(shop.place(bob(), for_alice()).await), "forbidden");
    assert_eq!(refused(shop.place(by(Role::Merchandiser), for_alice()).await), "forbidden");
    shop.place(alice(), for_alice()).await.unwrap();
    let placed = shop.place(by(Role::Support), for_alice()).await.unwrap();
    let log = Log::check(&database.superuser).await;
    let orders = log.orders();
    let customer = orders[&order_id(&placed)].details().unwrap().customer.clone();
    assert_eq!(customer.unwrap().as_str(), "alice");
    shop.close().await;
}

#[tokio::test]
async fn another_customers_order_answers_like_one_that_does_not_exist() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let id = order_id(&shop.buy("TEAPOT", 1).await.unwrap());
    let theirs =
        shop.ask(bob(), CancelOrderRequest { id, reason: None, lines: None }).await.unwrap_err().to_string();
    let nobodys = shop
        .ask(bob(), CancelOrderRequest { id: new_order_id(), reason: None, lines: None })
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(theirs, nobodys);
    assert_eq!(refused(shop.ask(alice(), ConfirmOrder { id }).await), "forbidden");
    let cancelled = shop
        .ask(
            alice(),
            CancelOrderRequest { id, reason: Some("changed my mind".parse().unwrap()), lines: None },
        )
        .await
        .unwrap();
    assert_eq!(member(&cancelled, "/status"), "cancelled");
    assert_eq!(refused(shop.confirm(id).await), "order_not_confirmable");
    assert_eq!(refused(shop.ship(id, None).await), "order_not_shippable");
    assert_eq!(refused(shop.deliver(id).await), "order_not_deliverable");
    shop.close().await;
}

#[tokio::test]
async fn stock_belongs_to_a_product() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    assert_eq!(refused(shop.receive("NOTHING", 1).await), "not_found");
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    shop.buy("TEAPOT", 4).await.unwrap();
    let counted = || "counted".parse().unwrap();
    let adjusted = shop
        .ask(by(Role::Warehouse), AdjustStock { sku: sku("TEAPOT"), delta: -6, reason: counted() })
        .await
        .unwrap();
    assert_eq!(member(&adjusted, "/available"), 0);
    let too_much =
        shop.ask(by(Role::Warehouse), AdjustStock { sku: sku("TEAPOT"), delta: -1, reason: counted() }).await;
    assert_eq!(refused(too_much), "insufficient_stock");
    assert_eq!(
        refused(shop.ask(alice(), AdjustStock { sku: sku("TEAPOT"), delta: 1, reason: counted() }).await),
        "forbidden"
    );
    Log::check(&database.superuser).await;
    shop.close().await;
}

#[tokio::test]
async fn a_change_of_something_that_has_changed_is_refused() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    let rename = |name: &str, seen: i64| {
        let changes = DescribeProduct {
            sku: sku("TEAPOT"),
            name: Some(name.parse().unwrap()),
            description: Patch::Keep,
            metadata: Patch::Keep,
        };
        shop.ask(Context { if_match: Some(vec![seen]), ..by(Role::Merchandiser) }, changes)
    };
    assert_eq!(rename("Kettle", 2).await.unwrap().version, 3);
    assert_eq!(refused(rename("Pot", 2).await), "stale_version");
    assert_eq!(refused(rename("Pot", 4).await), "stale_version");
    assert_eq!(rename("Kettle", 3).await.unwrap().version, 3);
    shop.receive("TEAPOT", 5).await.unwrap();
    let id = order_id(&shop.buy("TEAPOT", 1).await.unwrap());
    let stale = Context { if_match: Some(vec![7]), ..by(Role::Support) };
    assert_eq!(
        refused(shop.ask(stale, CancelOrderRequest { id, reason: None, lines: None }).await),
        "stale_version"
    );
    shop.close().await;
}

#[tokio::test]
async fn a_product_is_created_once() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    let log = Log::read(&database.superuser).await;
    let again = CreateProduct {
        sku: sku("TEAPOT"),
        name: "Again".parse().unwrap(),
        description: String::new().try_into().unwrap(),
        price: euros(1),
        external_id: None,
        metadata: daybook_domain::text::Metadata::default(),
    };
    assert_eq!(refused(shop.ask(by(Role::Merchandiser), again.clone()).await), "already_exists");
    assert_eq!(
        refused(shop.ask(by(Role::Support), CreateProduct { sku: sku("NEW"), ..again }).await),
        "forbidden"
    );
    assert_eq!(Log::read(&database.superuser).await.head(), log.head());
    shop.close().await;
}

#[tokio::test]
async fn an_order_of_the_most_lines_is_one_command() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    let codes: Vec<String> = (0..200).map(|number| format!("P{number}")).collect();
    for code in &codes {
        shop.sell(code, 100).await;
        shop.receive(code, 100).await.unwrap();
    }
    let lines: Vec<(&str, i64)> = (0..MAX_LINES).map(|line| (codes[line % 200].as_str(), 2)).collect();
    let id = order_id(&shop.place(alice(), order(&lines)).await.unwrap());
    shop.confirm(id).await.unwrap();
    shop.ship(id, None).await.unwrap();
    let log = Log::check(&database.superuser).await;
    assert_eq!(log.stock("P7"), Stock { on_hand: 80, held: 0, allocated: 0 });
    assert_eq!(log.orders()[&id].details().unwrap().status, Status::Shipped);
    let mut too_many = lines.clone();
    too_many.push(("P0", 1));
    assert_eq!(refused(shop.place(alice(), order(&too_many)).await), "validation_failed");
    assert_eq!(refused(shop.place(alice(), order(&[])).await), "validation_failed");
    shop.close().await;
}
