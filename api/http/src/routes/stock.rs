//! Stock.

use actix_web::http::Method;
use daybook_commands::stock::{AdjustStock, ReceiveStock, StockOutcome};
use daybook_core::{
    reads::{StockBySku, StockHistory},
    values::{Quantity, Reason, Reference, Sku},
};
use daybook_domain::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::Told,
    params::{AsOf, PageOfHistory},
    route::{Route, command, read},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        read("/v1/stock/{sku}", "How much there is of a SKU, or was.",
            |sku, AsOf(as_of)| StockBySku { sku, as_of }),
        read("/v1/stock/{sku}/history", "What happened to the stock of a SKU, in order: who, when, what and why.",
            |sku, page: PageOfHistory| StockHistory { sku, part: page.into() }),
        command(Method::POST, "/v1/stock/{sku}/receipts", "Books goods in.",
            |sku, Receive { quantity, reference }| ReceiveStock { sku, quantity: quantity.0, reference: reference.map(|it| it.0) }),
        command(Method::POST, "/v1/stock/{sku}/adjustments", "Corrects the count.",
            |sku, Adjust { delta, reason }| AdjustStock { sku, delta, reason: reason.0 }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReceiveStock, examples(json!({ "quantity": 100, "reference": "DN-4711" })))]
pub struct Receive {
    quantity: Quantity,
    /// The number of the delivery note, say.
    reference: Option<Reference>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdjustStock, examples(json!({ "delta": -1, "reason": "One was broken." })))]
pub struct Adjust {
    /// Pieces found, or, below 0, missing.
    delta: i64,
    reason: Reason,
}

/// The stock of the SKU after the command, in pieces.
#[derive(Serialize, ToSchema)]
pub struct StockReceipt {
    id: Sku,
    sku: Sku,
    #[schema(minimum = 0)]
    on_hand: i64,
    /// Promised to orders that are placed.
    #[schema(minimum = 0)]
    held: i64,
    /// Promised to orders that are confirmed.
    #[schema(minimum = 0)]
    allocated: i64,
    /// What can still be promised.
    #[schema(minimum = 0)]
    available: i64,
    /// The version, which is also in `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// A place in the log, also in `Daybook-Position`.
    #[schema(minimum = 1)]
    position: i64,
}

impl Told for StockOutcome {
    type Answer = StockReceipt;

    fn told(self, position: Position) -> StockReceipt {
        let Self { id, sku, on_hand, held, allocated, available, version } = self;
        let (id, sku, position) = (id.into(), sku.into(), position.0);
        StockReceipt { id, sku, on_hand, held, allocated, available, version, position }
    }
}
