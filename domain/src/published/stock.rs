//! What others are told of stock.

use super::{
    fields::{Field, integer, text},
    public_type::{PublicType, as_stored},
};

const PIECES: Field = integer("quantity", "Pieces.");
const ORDER_AND_PIECES: &[Field] = &[text("order", "The order's id."), PIECES];

pub(super) const TYPES: &[PublicType] = &[
    as_stored(
        "StockReceived",
        "stock.received",
        "Pieces came into the house. The stream's id is their SKU.",
        &[PIECES, text("reference", "Such as a delivery note, if one was named.").optional()],
    ),
    as_stored(
        "StockAdjusted",
        "stock.adjusted",
        "The number of pieces in the house was corrected.",
        &[
            integer("delta", "Pieces that were found, or, below 0, that were missing."),
            text("reason", "Why."),
        ],
    ),
    as_stored(
        "StockHeld",
        "stock.held",
        "Pieces are kept for an order that was placed: nobody else can have them.",
        ORDER_AND_PIECES,
    ),
    as_stored(
        "StockHoldReleased",
        "stock.hold_released",
        "Pieces that were held for an order are free again.",
        ORDER_AND_PIECES,
    ),
    as_stored(
        "StockAllocated",
        "stock.allocated",
        "Pieces that were held are allocated, because their order was confirmed.",
        ORDER_AND_PIECES,
    ),
    as_stored(
        "StockAllocationReleased",
        "stock.allocation_released",
        "Pieces that were allocated to an order are free again.",
        ORDER_AND_PIECES,
    ),
    as_stored("StockShipped", "stock.shipped", "Pieces have left the house for an order.", ORDER_AND_PIECES),
];
