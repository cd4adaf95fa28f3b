//! Who may do what: for each method of each service and each caller, what the policy says of the route beside it.

use daybook_domain::policy::{Actor, Role, may_ever};
use daybook_grpc::protocol::{DESCRIPTORS, v1::*};
use daybook_http::{
    route::{Door, Route},
    routes,
};
use daybook_tests::raw_door;
use prost::Message;
use prost_types::FileDescriptorSet;

use super::{euros, order};
use crate::{
    door::plain_shop,
    http::orders::{order as body, place},
};

const PACKAGE: &str = "daybook.v1";
const SKU: &str = "TEA-1";

/// The route beside a method, and a message that asks for something that is there. A method without an entry fails.
fn entry(method: &str, id: &str, key: &str) -> (&'static str, Vec<u8>) {
    let (id, sku, idempotency_key) = (id.to_owned(), SKU.to_owned(), key.to_owned());
    match method {
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
        "EventService/ListEvents" => ("events.list", vec![]),
        // It has no end where it is let in, so it is asked beyond the log: that is looked at behind the door.
        "EventService/FollowEvents" => {
            ("events.list", FollowEventsRequest { after: i64::MAX, ..Default::default() }.encode_to_vec())
        }
        other => panic!("{other} has no entry"),
    }
}

/// The names of all methods, as the files say.
fn methods() -> Vec<String> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours = files.iter().filter(|file| file.package() == PACKAGE);
    let services = ours.flat_map(|file| &file.service);
    let methods = services.flat_map(|service| {
        service.method.iter().map(|method| format!("{}/{}", service.name(), method.name()))
    });
    methods.collect()
}

/// Which status a route's door comes to for a caller, before it looks at anything.
fn at_the_door(route: &Route, actor: Option<&Actor>) -> Option<&'static str> {
    let refused = match (route.door, actor) {
        (Door::Probe | Door::Open, _) => false,
        (Door::Access(access), actor) => access.admit(actor).is_err(),
        (Door::Action(_), None) => true,
        (Door::Action(action), Some(actor)) => may_ever(actor, action).is_err(),
    };
    // UNAUTHENTICATED and PERMISSION_DENIED.
    refused.then_some(if actor.is_some() { "7" } else { "16" })
}

/// Routes without a method: sums for people who look at a shop, who have HTTP and SQL, and the table of rules for those
/// who administer.
const WITHOUT: &[&str] = &["sales.page", "permissions"];

/// Catches: a command or a read that HTTP has, and gRPC hasn't.
#[test]
fn every_command_and_read_has_a_method() {
    let methods = methods();
    let has: Vec<&str> = methods.iter().map(|method| entry(method, "", "").0).collect();
    let routes = routes::api().into_iter().filter(|route| route.ask.is_some());
    let names = routes.map(|route| route.about.name).filter(|name| !WITHOUT.contains(&name.as_str()));
    let missing: Vec<String> = names.filter(|name| !has.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Catches: a method without a rule, and one whose rule is not that of its route.
#[tokio::test(flavor = "multi_thread")]
async fn every_method_has_the_door_of_its_route() {
    let app = plain_shop(|_| {}).await;
    let id = place(&app.customer("alice"), body(&[(SKU, 1)])).await;
    let routes = routes::api();
    let callers = Role::ALL.into_iter().map(Some).chain([None]);
    let mut asked = 0;
    for (number, role) in callers.enumerate() {
        let actor = role.map(|role| Actor { subject: "someone".into(), roles: [role].into_iter().collect() });
        let token = role.map(|role| format!("Bearer {}", app.token("someone", &[role])));
        let headers: Vec<(&'static str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).collect();
        for method in methods() {
            let (route, message) = entry(&method, &id, &format!("{method}-{number}"));
            let route = routes.iter().find(|one| one.about.name == route).expect("it is there");
            let answered =
                raw_door::call_bytes(app.door(), &format!("{PACKAGE}.{method}"), &headers, &message).await;
            let refused = answered.filter(|status| matches!(status.as_str(), "7" | "16"));
            assert_eq!(refused.as_deref(), at_the_door(route, actor.as_ref()), "{method} {role:?}");
            asked += 1;
        }
    }
    assert!(asked >= 23 * (Role::ALL.len() + 1), "{asked}");
}
