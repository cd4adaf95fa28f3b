//! Each kind of refusal, with what its details say.

use daybook_domain::policy::Role;
use daybook_grpc::protocol::v1::*;
use daybook_tests::{grpc::Grpc, until};
use tonic::Code;
use tonic_types::StatusExt;

use super::{euros, order, refusal};
use crate::door::plain_shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_the_code_of_http_and_a_status_of_its_kind() {
    let app = plain_shop(|_| {}).await;
    let (alice, bob) = (Grpc::named(&app, "alice", Role::Customer), Grpc::named(&app, "bob", Role::Customer));
    let merchandiser = Grpc::by(&app, Role::Merchandiser);
    let id =
        alice.orders().place_order(order("k1", "TEA-1", 1)).await.unwrap().into_inner().order.unwrap().id;

    let too_many = alice.orders().place_order(order("k2", "TEA-1", 99_999)).await;
    assert_eq!(refusal(too_many), (Code::FailedPrecondition, "insufficient_stock".into()));
    let twice = CreateProductRequest {
        sku: "TEA-1".into(),
        name: "Tea".into(),
        price: Some(euros(1)),
        ..CreateProductRequest::default()
    };
    let twice = merchandiser.catalog().create_product(twice).await;
    assert_eq!(refusal(twice), (Code::AlreadyExists, "already_exists".into()));
    let stale = CancelOrderRequest {
        id: id.clone(),
        idempotency_key: "k3".into(),
        expected_version: Some(7),
        whole_order: true,
        ..CancelOrderRequest::default()
    };
    let stale = alice.orders().cancel_order(stale).await;
    assert_eq!(refusal(stale), (Code::Aborted, "stale_version".into()));
    let get = GetOrderRequest { id, ..GetOrderRequest::default() };
    let of_another = bob.orders().get_order(get.clone()).await;
    assert_eq!(refusal(of_another), (Code::NotFound, "not_found".into()));
    let no_id = GetOrderRequest { id: "x".into(), ..get.clone() };
    assert_eq!(refusal(alice.orders().get_order(no_id).await), (Code::NotFound, "not_found".into()));
    for token in [None, Some("a.b.c".to_owned())] {
        let nobody = Grpc::at(app.door(), token);
        let refused = nobody.orders().get_order(get.clone()).await;
        assert_eq!(refusal(refused), (Code::Unauthenticated, "unauthenticated".into()));
    }
    let receive = ReceiveStockRequest {
        sku: "TEA-1".into(),
        idempotency_key: "k4".into(),
        quantity: 1,
        ..ReceiveStockRequest::default()
    };
    let not_hers = alice.stock().receive_stock(receive).await;
    assert_eq!(refusal(not_hers), (Code::PermissionDenied, "forbidden".into()));
    let noted = "SELECT count(*) FROM audit WHERE outcome = 'forbidden' AND actor = 'alice' AND \
                 action = 'daybook.v1.StockService/ReceiveStock'";
    until("the refusal is in the audit", async || app.database.count(noted).await == 1).await;
}

/// Catches: a mistake that is told without its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_message_is_told_by_its_fields() {
    let app = plain_shop(|_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let wrong = PlaceOrderRequest { currency: "EURO".into(), ..order("k1", "TEA-1", 0) };
    let status = alice.orders().place_order(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let mut fields: Vec<&str> = violations.iter().map(|one| one.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["currency", "lines[0].quantity"]);
    let nothing = PlaceOrderRequest { lines: vec![], ..order("k1", "TEA-1", 1) };
    let status = alice.orders().place_order(nothing).await.unwrap_err();
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "validation_failed");
    let free = Money { amount: -1, currency: "EUR".into() };
    for (price, field) in [(Some(free), "price"), (None, "price.amount")] {
        let asked = SetPriceRequest { sku: "TEA-1".into(), price, ..SetPriceRequest::default() };
        let status = Grpc::by(&app, Role::Merchandiser).catalog().set_price(asked).await.unwrap_err();
        assert_eq!(status.get_error_details().bad_request().unwrap().field_violations[0].field, field);
    }
}

/// Catches: a limit that one interface forgets.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let app = plain_shop(|config| {
        config.rates.address_per_second = 1.try_into().unwrap();
        config.rates.address_burst = 2.try_into().unwrap();
    })
    .await;
    let anyone = Grpc::at(app.door(), None);
    let get = GetProductRequest { sku: "TEA-1".into(), ..GetProductRequest::default() };
    let mut refused = None;
    for _ in 0..20 {
        // Whether it is in the catalogue yet is not looked at.
        let answered = anyone.catalog().get_product(get.clone()).await;
        refused = answered.err().filter(|status| status.code() == Code::ResourceExhausted);
        if refused.is_some() {
            break;
        }
    }
    let status = refused.unwrap();
    let wait = status.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(wait.as_secs() >= 1);
    assert_eq!(refusal::<()>(Err(status)), (Code::ResourceExhausted, "rate_limited".into()));
}
