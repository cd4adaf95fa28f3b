//! What others are told of orders.

use super::{
    fields::{Field, OWN_DATA, Shape, integer, money, sealed, text},
    public_type::{PublicType, as_stored},
};

const LINES: Field = Field::new(
    "lines",
    Shape::Objects(&[
        text("sku", "The product."),
        text("name", "The product's name at that time."),
        integer("quantity", "Pieces."),
        money("unit_price", "The price of a piece."),
        money("list_price", "The catalogue's price, if another one was agreed.").optional(),
    ]),
    "What was ordered, as it was then: later changes of the catalogue don't touch it.",
);

const PARCEL: Shape = Shape::Objects(&[
    integer("line", "Index of the order's line, from 0."),
    text("sku", "The product."),
    integer("quantity", "Pieces."),
]);

const PARCELS: Field = Field::new("parcels", PARCEL, "What left the house, by line.");

const WHY: Field = text("reason", "Why, if that was said.").optional();
const SEALED_WHY: Field = sealed("sealed_reason", "The same, sealed.").optional();

const CAUSE: Field =
    text("cause", "`unpaid`: it was to be paid by a time, and wasn't. Left out if someone cancelled it.")
        .optional();

pub(super) const TYPES: &[PublicType] = &[
    as_stored(
        "OrderPlaced",
        "order.placed",
        "An order was placed, and its stock is held. The stream's id is the order's.",
        &[
            text("customer", "The subject of the customer; left out of a guest's order.").optional(),
            LINES,
            text("currency", "ISO 4217; the currency of all lines."),
            money("total", "The sum of all lines."),
            text("override_reason", "Why prices differ from the catalogue's, if they do.").optional(),
            sealed("sealed_override_reason", "The same, sealed.").optional(),
            sealed("contact", "Name and e-mail address, sealed.").optional(),
            sealed("ship_to", "The address, sealed.").optional(),
            text("external_id", "The caller's own id, if one was named.").optional(),
            OWN_DATA,
            text("pay_until", "When it may be cancelled if it isn't confirmed; RFC 3339. Left out: never.")
                .optional(),
        ],
    ),
    as_stored(
        "OrderConfirmed",
        "order.confirmed",
        "The order was confirmed, and its stock is allocated.",
        &[],
    ),
    as_stored(
        "OrderCancelled",
        "order.cancelled",
        "The order was cancelled, and its stock is free again.",
        &[WHY, SEALED_WHY, CAUSE],
    ),
    as_stored(
        "OrderShipped",
        "order.shipped",
        "A part of the order, or all that was left of it, has left the house.",
        &[
            PARCELS,
            text("tracking", "The carrier's number, if there is one.").optional(),
            sealed("sealed_tracking", "The same, sealed.").optional(),
            Field::new("complete", Shape::Boolean, "Whether nothing is left to be shipped."),
        ],
    ),
    as_stored(
        "OrderLinesCancelled",
        "order.lines_cancelled",
        "Pieces that were not shipped were cancelled, and their stock is free again. The rest of the order stays. If \
         nothing is left of an order that was shipped in part, it is shipped.",
        &[Field::new("parcels", PARCEL, "What was cancelled, by line."), WHY, SEALED_WHY],
    ),
    as_stored("OrderDelivered", "order.delivered", "The order has arrived.", &[]),
    as_stored(
        "OrderClaimed",
        "order.claimed",
        "A guest's order is a customer's from now on.",
        &[text("customer", "The subject of the customer.")],
    ),
];
