//! gRPC, as clients see it.

mod bounds;
mod commands;
mod follow;
mod journeys;
mod permissions;
mod protocol;
mod refusals;

use daybook_grpc::protocol::v1::{Money, PlaceOrderLine, PlaceOrderRequest};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// An order of one line.
pub fn order(key: &str, sku: &str, quantity: i64) -> PlaceOrderRequest {
    PlaceOrderRequest {
        idempotency_key: key.into(),
        lines: vec![PlaceOrderLine { sku: sku.into(), quantity, unit_price: None }],
        currency: "EUR".into(),
        ..PlaceOrderRequest::default()
    }
}

pub fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".into() }
}

/// The status and the code of what was refused.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(answered: Result<T, Status>) -> (Code, String) {
    let status = answered.expect_err("it is refused");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(info.domain, "daybook");
    assert!(details.request_info().is_some_and(|info| !info.request_id.is_empty()));
    (status.code(), info.reason.clone())
}
