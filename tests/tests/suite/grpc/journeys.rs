use daybook_domain::{feature::Feature, policy::Role};
use daybook_grpc::protocol::v1::*;
use daybook_tests::{TestApp, grpc::Grpc};
use prost_types::{FieldMask, Timestamp, value::Kind};
use serde_json::json;
use tonic::Code;

use super::{euros, order, refusal};
use crate::door::{plain_shop, plain_shop_having};

fn key(name: &str) -> String {
    name.to_owned()
}

/// Catches: a member that is lost on its way through JSON.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_confirmed_shipped_and_delivered() {
    let app = plain_shop(|_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let (support, warehouse) = (Grpc::by(&app, Role::Support), Grpc::by(&app, Role::Warehouse));
    let asked = PlaceOrderRequest {
        contact: Some(Contact { name: "Alice Ærø".into(), email: "alice@example.com".into() }),
        ship_to: Some(Address {
            name: "Alice".into(),
            street: "1 Road".into(),
            city: "Town".into(),
            country: "DE".into(),
            ..Address::default()
        }),
        external_id: Some("web-1".into()),
        metadata: [("channel".to_owned(), "web".to_owned())].into(),
        ..order("k1", "TEA-1", 3)
    };
    let placed = alice.orders().place_order(asked).await.unwrap().into_inner();
    let receipt = placed.order.unwrap();
    assert_eq!((receipt.status(), receipt.version, placed.replayed), (OrderStatus::Placed, 1, false));
    assert_eq!(receipt.total, Some(euros(3 * 1999)));
    let id = receipt.id;
    let confirm =
        ConfirmOrderRequest { id: id.clone(), idempotency_key: key("k2"), expected_version: Some(1) };
    let confirmed = support.orders().confirm_order(confirm).await.unwrap().into_inner();
    assert_eq!(confirmed.order.unwrap().status(), OrderStatus::Confirmed);
    let part = ShipOrderRequest {
        id: id.clone(),
        idempotency_key: key("k3"),
        lines: vec![ShipOrderLine { sku: "TEA-1".into(), quantity: 2 }],
        tracking: Some("1Z-1".into()),
        ..ShipOrderRequest::default()
    };
    let shipped = warehouse.orders().ship_order(part).await.unwrap().into_inner();
    assert_eq!(shipped.order.unwrap().status(), OrderStatus::PartlyShipped);
    let unsaid =
        ShipOrderRequest { id: id.clone(), idempotency_key: key("k4"), ..ShipOrderRequest::default() };
    let rest = ShipOrderRequest { all_that_is_left: true, ..unsaid.clone() };
    assert_eq!(
        refusal(warehouse.orders().ship_order(unsaid).await),
        (Code::FailedPrecondition, "nothing_to_ship".into())
    );
    warehouse.orders().ship_order(rest).await.unwrap();
    let deliver =
        DeliverOrderRequest { id: id.clone(), idempotency_key: key("k5"), ..DeliverOrderRequest::default() };
    let delivered = warehouse.orders().deliver_order(deliver).await.unwrap().into_inner();

    let get = GetOrderRequest {
        id: id.clone(),
        min_position: Some(delivered.position),
        ..GetOrderRequest::default()
    };
    let found = alice.orders().get_order(get).await.unwrap().into_inner();
    assert!(found.position >= delivered.position);
    let found = found.order.unwrap();
    assert_eq!((found.status(), found.version), (OrderStatus::Delivered, 5));
    assert_eq!(found.customer.as_deref(), Some("alice"));
    assert_eq!(found.contact.unwrap().email, "alice@example.com");
    assert_eq!(found.ship_to.unwrap().city, "Town");
    assert_eq!((found.lines[0].quantity, found.lines[0].shipped), (3, 3));
    assert_eq!((found.metadata["channel"].as_str(), found.tracking), ("web", vec!["1Z-1".to_owned()]));
    assert!(found.placed_at.unwrap().seconds <= found.updated_at.unwrap().seconds);

    let before = GetOrderRequest {
        id: id.clone(),
        as_of_position: Some(confirmed.position),
        ..GetOrderRequest::default()
    };
    let before = alice.orders().get_order(before).await.unwrap().into_inner().order.unwrap();
    assert_eq!(before.status(), OrderStatus::Confirmed);

    let changes = ListOrderChangesRequest { id, page_size: 2, ..ListOrderChangesRequest::default() };
    let first = alice.orders().list_order_changes(changes.clone()).await.unwrap().into_inner();
    assert_eq!(first.changes.len(), 2);
    let next = ListOrderChangesRequest { page_token: first.next_page_token, page_size: 0, ..changes };
    let rest = alice.orders().list_order_changes(next).await.unwrap().into_inner();
    let what: Vec<&str> = first.changes.iter().chain(&rest.changes).map(|one| one.what.as_str()).collect();
    assert_eq!(what, ["OrderPlaced", "OrderConfirmed", "OrderShipped", "OrderShipped", "OrderDelivered"]);
    assert_eq!((first.changes[0].who.as_deref(), first.changes[1].who.as_deref()), (Some("alice"), None));
    assert!(rest.next_page_token.is_empty());
    let details = first.changes[0].details.as_ref().unwrap();
    assert!(matches!(&details.fields["lines"].kind, Some(Kind::ListValue(lines)) if lines.values.len() == 1));
}

/// Catches: parameters that are not those of the list.
#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_page_by_page() {
    let app = plain_shop(|_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let mut last = 0;
    for number in 0..3 {
        let placed = alice.orders().place_order(order(&format!("k{number}"), "TEA-1", 1)).await.unwrap();
        last = placed.into_inner().position;
    }
    let mut asked =
        ListOrdersRequest { page_size: 2, min_position: Some(last), ..ListOrdersRequest::default() };
    let first = alice.orders().list_orders(asked.clone()).await.unwrap().into_inner();
    assert_eq!(first.orders.len(), 2);
    asked.page_token = first.next_page_token;
    let second = alice.orders().list_orders(asked.clone()).await.unwrap().into_inner();
    assert_eq!((second.orders.len(), second.next_page_token.as_str()), (1, ""));
    let mut wanted = ListOrdersRequest { min_position: Some(last), ..ListOrdersRequest::default() };
    wanted.status = Some(OrderStatus::Cancelled.into());
    assert!(alice.orders().list_orders(wanted.clone()).await.unwrap().into_inner().orders.is_empty());
    wanted.status = Some(OrderStatus::Placed.into());
    let all = alice.orders().list_orders(wanted.clone()).await.unwrap().into_inner().orders;
    let (newest, oldest) = (all[0].placed_at, all[2].placed_at);
    wanted.placed_from = oldest;
    assert_eq!(alice.orders().list_orders(wanted.clone()).await.unwrap().into_inner().orders.len(), 3);
    wanted.placed_before = newest;
    let before = alice.orders().list_orders(wanted).await.unwrap().into_inner().orders;
    assert!(!before.is_empty() && before.iter().all(|one| one.placed_at != newest));
}

/// Catches: what is absent taken for what is cleared.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_described_as_its_mask_says() {
    let app = TestApp::start_having(&[Feature::Tax], |config| {
        config.door.listen = "127.0.0.1:0".parse().unwrap();
        config.door.plaintext = true;
    })
    .await;
    let merchandiser = Grpc::by(&app, Role::Merchandiser);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let create = CreateProductRequest {
        sku: "TEA-1".into(),
        name: "Tea".into(),
        description: Some("Black.".into()),
        price: Some(euros(499)),
        metadata: [pair("a", "1"), pair("b", "2")].into(),
        ..CreateProductRequest::default()
    };
    let created = merchandiser.catalog().create_product(create).await.unwrap().into_inner();
    assert_eq!(created.product.unwrap().sku, "TEA-1");
    let update = |request: UpdateProductRequest, paths: Option<&[&str]>| {
        let paths = paths.map(|paths| FieldMask { paths: paths.iter().map(|&path| path.into()).collect() });
        let request = UpdateProductRequest { sku: "TEA-1".into(), update_mask: paths, ..request };
        let mut client = merchandiser.catalog();
        async move { client.update_product(request).await }
    };
    let renamed = UpdateProductRequest { name: Some("Earl Grey".into()), ..UpdateProductRequest::default() };
    update(renamed.clone(), None).await.unwrap();
    update(UpdateProductRequest::default(), Some(&["description", "metadata.a"])).await.unwrap();
    let both = UpdateProductRequest { metadata: [pair("c", "3")].into(), ..renamed };
    update(both, Some(&["metadata"])).await.unwrap();
    let set = SetPriceRequest { sku: "TEA-1".into(), price: Some(euros(599)), ..SetPriceRequest::default() };
    merchandiser.catalog().set_price(set).await.unwrap();
    let class = "food".to_owned();
    let set = SetTaxClassRequest { sku: "TEA-1".into(), class, ..SetTaxClassRequest::default() };
    merchandiser.catalog().set_tax_class(set).await.unwrap();
    let times = [10, 20].map(|seconds| Timestamp { seconds: app.now().timestamp() + seconds, nanos: 0 });
    let [from, until] = times.map(Some);
    let mut ids = Vec::new();
    for price in [euros(399), Money { currency: "USD".into(), ..euros(450) }] {
        let schedule = SchedulePriceRequest { price: Some(price), from, until, ..Default::default() };
        let schedule = SchedulePriceRequest { sku: "TEA-1".into(), ..schedule };
        let scheduled = merchandiser.catalog().schedule_price(schedule).await.unwrap().into_inner();
        ids.push(scheduled.product.unwrap().price_change);
    }
    let cancel = CancelPriceChangeRequest { sku: "TEA-1".into(), id: ids[1].clone(), ..Default::default() };
    merchandiser.catalog().cancel_price_change(cancel.clone()).await.unwrap();
    let gone = merchandiser.catalog().cancel_price_change(cancel).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    let publish = PublishProductRequest { sku: "TEA-1".into(), ..PublishProductRequest::default() };
    let published = merchandiser.catalog().publish_product(publish).await.unwrap().into_inner();
    let get = GetProductRequest {
        sku: "TEA-1".into(),
        min_position: Some(published.position),
        ..GetProductRequest::default()
    };
    let anyone = Grpc::at(app.door(), None);
    let product = anyone.catalog().get_product(get).await.unwrap().into_inner().product.unwrap();
    assert_eq!((product.name.as_str(), product.description.as_str()), ("Earl Grey", ""));
    assert_eq!(json!(product.metadata), json!({ "b": "2", "c": "3" }));
    assert_eq!((product.status(), product.price), (ProductStatus::Published, Some(euros(599))));
    assert_eq!(product.tax_class, "food");
    let id = ids[0].clone();
    assert_eq!(product.price_changes, [PriceChange { id, price: Some(euros(399)), from, until }]);
    let list = ListProductsRequest { query: Some("grey".into()), ..ListProductsRequest::default() };
    assert_eq!(anyone.catalog().list_products(list).await.unwrap().into_inner().products.len(), 1);
    let archive = ArchiveProductRequest { sku: "TEA-1".into(), ..ArchiveProductRequest::default() };
    merchandiser.catalog().archive_product(archive).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_are_booked_in_and_counted() {
    let app = plain_shop(|_| {}).await;
    let warehouse = Grpc::by(&app, Role::Warehouse);
    let receive = ReceiveStockRequest {
        sku: "TEA-1".into(),
        idempotency_key: key("r1"),
        quantity: 5,
        reference: Some("DN-1".into()),
        ..ReceiveStockRequest::default()
    };
    let received = warehouse.stock().receive_stock(receive).await.unwrap().into_inner();
    assert_eq!(received.stock.unwrap().on_hand, 1_005);
    let adjust = AdjustStockRequest {
        sku: "TEA-1".into(),
        idempotency_key: key("a1"),
        delta: -5,
        reason: "Five were broken.".into(),
        ..AdjustStockRequest::default()
    };
    let adjusted = warehouse.stock().adjust_stock(adjust).await.unwrap().into_inner();
    let get = GetStockRequest {
        sku: "TEA-1".into(),
        min_position: Some(adjusted.position),
        ..GetStockRequest::default()
    };
    let stock = warehouse.stock().get_stock(get).await.unwrap().into_inner().stock.unwrap();
    assert_eq!((stock.on_hand, stock.available, stock.version), (1_000, 1_000, 3));
    let changes = ListStockChangesRequest { sku: "TEA-1".into(), ..ListStockChangesRequest::default() };
    let changes = warehouse.stock().list_stock_changes(changes).await.unwrap().into_inner().changes;
    assert_eq!(changes.last().unwrap().why.as_deref(), Some("Five were broken."));
}

/// Catches: a member that is lost on its way through JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_tax_rate_is_set_read_and_listed() {
    let app = plain_shop_having(&[Feature::Tax], |_| {}).await;
    let (admin, support) = (Grpc::by(&app, Role::Admin), Grpc::by(&app, Role::Support));
    let asked = SetTaxRateRequest {
        country: "US".into(),
        class: "standard".into(),
        region: Some("NY".into()),
        rate: "8.875".into(),
        valid_from: "2020-01-01".into(),
        ..SetTaxRateRequest::default()
    };
    let set = admin.taxes().set_tax_rate(asked.clone()).await.unwrap().into_inner();
    assert_eq!(set.tax, Some(TaxReceipt { country: "US".into(), version: 1 }));
    let later = SetTaxRateRequest {
        rate: "0".into(),
        reason: Some("exempt".into()),
        valid_from: "2150-01-01".into(),
        expected_version: Some(1),
        ..asked.clone()
    };
    let set = admin.taxes().set_tax_rate(later.clone()).await.unwrap().into_inner();
    let stale = refusal(admin.taxes().set_tax_rate(later).await);
    assert_eq!(stale, (Code::Aborted, "stale_version".into()));
    let other = SetTaxRateRequest { rate: "9".into(), ..asked };
    let in_force = refusal(admin.taxes().set_tax_rate(other).await);
    assert_eq!(in_force, (Code::FailedPrecondition, "tax_rate_in_force".into()));

    let (country, min_position) = ("US".to_owned(), Some(set.position));
    let get = GetTaxRequest { country: country.clone(), min_position, ..GetTaxRequest::default() };
    let tax = support.taxes().get_tax(get).await.unwrap().into_inner().tax.unwrap();
    let rate = |rate: &str, reason: &str, valid_from: &str, valid_until: Option<&str>| TaxRate {
        class: "standard".into(),
        region: Some("NY".into()),
        rate: rate.into(),
        reason: reason.into(),
        valid_from: valid_from.into(),
        valid_until: valid_until.map(str::to_owned),
    };
    assert_eq!((tax.country.as_str(), tax.version), ("US", 2));
    assert_eq!(
        tax.rates,
        [
            rate("8.875", "standard", "2020-01-01", Some("2149-12-31")),
            rate("0", "exempt", "2150-01-01", None)
        ]
    );
    let list = ListTaxesRequest { min_position, ..ListTaxesRequest::default() };
    let listed = support.taxes().list_taxes(list).await.unwrap().into_inner();
    assert_eq!((listed.taxes, listed.next_page_token.as_str()), (vec![tax], ""));
    let changes = ListTaxChangesRequest { country, page_size: 1, ..ListTaxChangesRequest::default() };
    let first = support.taxes().list_tax_changes(changes).await.unwrap().into_inner();
    assert_eq!((first.changes[0].what.as_str(), first.next_page_token.is_empty()), ("TaxRateSet", false));
}
