//! Who may do what: for each method of each service and each caller, what the policy says of the route beside it.

use daybook_domain::{feature::Feature, policy::Role};
use daybook_grpc::protocol::{DESCRIPTORS, health::HealthCheckRequest, v1::*};
use daybook_http::routes;
use daybook_tests::{grpc::Grpc, raw_door};
use prost::Message;
use prost_types::{FileDescriptorSet, Timestamp};

use super::{euros, order};
use crate::{
    door::plain_shop_having,
    http::orders::{order as body, place},
    permissions::{self, Caller, OWNER, Said},
};

const PACKAGE: &str = "daybook.v1";
const SKU: &str = "TEA-1";

/// The route beside a method, and a message that asks for something that is there. A method without an entry fails.
fn entry(method: &str, id: &str, key: &str) -> (&'static str, Vec<u8>) {
    let (id, sku, idempotency_key) = (id.to_owned(), SKU.to_owned(), key.to_owned());
    let country = "DE".to_owned();
    match method {
        "OrderService/AskQuote" => {
            let lines = vec![QuoteLine { sku, quantity: 1 }];
            let currency = "EUR".to_owned();
            (
                "quote.ask",
                AskQuoteRequest { idempotency_key, lines, currency, ..Default::default() }.encode_to_vec(),
            )
        }
        "OrderService/PlaceOrder" => ("order.place", order(key, SKU, 1).encode_to_vec()),
        "OrderService/ConfirmOrder" => (
            "order.confirm",
            ConfirmOrderRequest { id, idempotency_key, ..Default::default() }.encode_to_vec(),
        ),
        "OrderService/CancelOrder" => (
            "order.cancel",
            CancelOrderRequest { id, idempotency_key, whole_order: true, ..Default::default() }
                .encode_to_vec(),
        ),
        "OrderService/ShipOrder" => (
            "order.ship",
            ShipOrderRequest { id, idempotency_key, all_that_is_left: true, ..Default::default() }
                .encode_to_vec(),
        ),
        "OrderService/DeliverOrder" => (
            "order.deliver",
            DeliverOrderRequest { id, idempotency_key, ..Default::default() }.encode_to_vec(),
        ),
        "OrderService/GetOrder" => {
            ("order.by_id", GetOrderRequest { id, ..Default::default() }.encode_to_vec())
        }
        "OrderService/ListOrders" => ("order.page", vec![]),
        "OrderService/ListOrderChanges" => {
            ("order.history", ListOrderChangesRequest { id, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/CreateProduct" => {
            let (name, price) = ("New".to_owned(), Some(euros(1)));
            let sku = format!("NEW-{}", key.replace('/', "."));
            (
                "product.create",
                CreateProductRequest { sku, name, price, ..Default::default() }.encode_to_vec(),
            )
        }
        "CatalogService/UpdateProduct" => {
            let name = Some("Other".to_owned());
            ("product.describe", UpdateProductRequest { sku, name, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/SetPrice" => {
            let price = Some(euros(7));
            ("product.set_price", SetPriceRequest { sku, price, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/SchedulePrice" => {
            let (price, from) = (Some(euros(7)), Some(Timestamp { seconds: 1_900_000_000, nanos: 0 }));
            let asked = SchedulePriceRequest { sku, price, from, ..Default::default() };
            ("product.schedule_price", asked.encode_to_vec())
        }
        "CatalogService/CancelPriceChange" => {
            let id = format!("prc_{}", "0".repeat(32));
            let asked = CancelPriceChangeRequest { sku, id, ..Default::default() };
            ("product.cancel_price_change", asked.encode_to_vec())
        }
        "CatalogService/SetTaxClass" => {
            let class = "books".to_owned();
            ("product.set_tax_class", SetTaxClassRequest { sku, class, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/PublishProduct" => {
            ("product.publish", PublishProductRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/UnpublishProduct" => {
            ("product.unpublish", UnpublishProductRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/ArchiveProduct" => {
            ("product.archive", ArchiveProductRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/GetProduct" => {
            ("product.by_sku", GetProductRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "CatalogService/ListProducts" => ("product.page", vec![]),
        "CatalogService/ListProductChanges" => {
            ("product.history", ListProductChangesRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "StockService/ReceiveStock" => {
            let asked = ReceiveStockRequest { sku, idempotency_key, quantity: 1, ..Default::default() };
            ("stock.receive", asked.encode_to_vec())
        }
        "StockService/AdjustStock" => {
            let reason = "counted".to_owned();
            let asked = AdjustStockRequest { sku, idempotency_key, delta: 1, reason, ..Default::default() };
            ("stock.adjust", asked.encode_to_vec())
        }
        "StockService/GetStock" => {
            ("stock.by_sku", GetStockRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "StockService/ListStockChanges" => {
            ("stock.history", ListStockChangesRequest { sku, ..Default::default() }.encode_to_vec())
        }
        "TaxService/SetTaxRate" => {
            let (class, rate, valid_from) = ("books".to_owned(), "7".to_owned(), "2030-01-01".to_owned());
            let asked = SetTaxRateRequest { country, class, rate, valid_from, ..Default::default() };
            ("tax.set_rate", asked.encode_to_vec())
        }
        "TaxService/GetTax" => {
            ("tax.by_country", GetTaxRequest { country, ..Default::default() }.encode_to_vec())
        }
        "TaxService/ListTaxes" => ("taxes.page", vec![]),
        "TaxService/ListTaxChanges" => {
            ("tax.history", ListTaxChangesRequest { country, ..Default::default() }.encode_to_vec())
        }
        "EventService/ListEvents" => ("events.list", vec![]),
        // It has no end where it is let in, so it is asked beyond the log: that is looked at behind the door.
        "EventService/FollowEvents" => {
            ("events.list", FollowEventsRequest { after: i64::MAX, ..Default::default() }.encode_to_vec())
        }
        other => panic!("{other} has no entry"),
    }
}

/// The names of all methods of a package, as the files say.
fn methods(package: &str) -> Vec<String> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours = files.iter().filter(|file| file.package() == package);
    let services = ours.flat_map(|file| &file.service);
    let methods = services.flat_map(|service| {
        service.method.iter().map(|method| format!("{}/{}", service.name(), method.name()))
    });
    methods.collect()
}

/// What was said with a status.
fn said(status: Option<&str>) -> Said {
    match status {
        Some("16") => Said::Unauthenticated,
        Some("7") => Said::Forbidden,
        Some("5") => Said::Hidden,
        _ => Said::Welcome,
    }
}

/// Routes without a method: sums for people who look at a shop, who have HTTP and SQL, the table of rules for those who
/// administer, and what a page shows its visitor.
const WITHOUT: &[&str] = &["sales.page", "permissions", "permissions.mine"];

/// Catches: a command or a read that HTTP has, and gRPC hasn't.
#[test]
fn every_command_and_read_has_a_method() {
    let methods = methods(PACKAGE);
    let has: Vec<&str> = methods.iter().map(|method| entry(method, "", "").0).collect();
    let routes = routes::api().into_iter().filter(|route| route.ask.is_some());
    let names = routes.map(|route| route.about.name).filter(|name| !WITHOUT.contains(&name.as_str()));
    let missing: Vec<String> = names.filter(|name| !has.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Catches: a method without a rule, one whose rule is not that of its route, and one that forgets whose a thing is.
#[tokio::test(flavor = "multi_thread")]
async fn every_method_says_to_everyone_what_the_policy_says() {
    let app = plain_shop_having(&[Feature::Tax], |_| {}).await;
    let cancelled = place(&app.customer(OWNER), body(&[(SKU, 1)])).await;
    let id = place(&app.customer(OWNER), body(&[(SKU, 1)])).await;
    let confirmation = format!("/v1/orders/{id}/confirmation");
    app.by(Role::Support).post(&confirmation, serde_json::json!({})).await.expect(200);
    app.settle().await;
    let mut asked = 0;
    for caller in Caller::all() {
        let token = caller.token(&app).map(|token| format!("Bearer {token}"));
        let headers: Vec<(&'static str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).collect();
        for method in methods(PACKAGE) {
            let id = if method == "OrderService/CancelOrder" { &cancelled } else { &id };
            let (route, message) = entry(&method, id, &format!("{method}-{asked}"));
            let path = format!("{PACKAGE}.{method}");
            let status = raw_door::call_bytes(app.door(), &path, &headers, &message).await;
            let said = said(status.as_deref());
            permissions::check(&method, &caller, permissions::guard(route), said, &format!("{status:?}"));
            asked += 1;
        }
        for path in
            ["grpc.health.v1.Health/Check", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
        {
            let status = raw_door::call_bytes(app.door(), path, &headers, &[]).await;
            assert_eq!(status, None, "{path} is for {caller:?}, too");
        }
    }
    // It has no end.
    let mut health = Grpc::at(app.door(), None).health();
    health.watch(HealthCheckRequest::default()).await.expect("it is for everyone");
    assert!(asked >= 23 * 10, "{asked}");
    // All that there is was asked for: a test of reflection has the services.
    assert_eq!(methods("grpc.health.v1"), ["Health/Check", "Health/Watch"]);
}
