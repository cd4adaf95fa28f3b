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

const TERMS: &[Field] = &[
    text("mode", "`gross`: taxes are in the prices. `net`: they are added to them."),
    text("tax_date", "The day whose rates count, such as `2026-11-28`."),
    text("country", "Where the order goes, ISO 3166-1 alpha-2."),
    text("region", "The second part of a code of ISO 3166-2, if the address has one.").optional(),
    text("taxed_in", "The country whose rates they are, if it is another one.").optional(),
    text("buyer", "`consumer` or `business`."),
    text("vat_id_state", "`unverified`: the buyer has named a VAT id, and it has the form of one.")
        .optional(),
    Field::new(
        "groups",
        Shape::Objects(&[
            text("class", "The tax class of what comes first in it."),
            integer("rate_ppm", "Parts per million: 190000 are 19 %. Left out: 0.").optional(),
            text("reason", "Why the rate is what it is, as in `TaxRateSet`."),
            integer("base", "What the tax is on top of. Left out: 0.").optional(),
            integer("tax", "Left out: 0.").optional(),
        ]),
        "All that is taxed alike: the tax is rounded once for each.",
    ),
    Field::new("lines", Shape::Objects(&[GROUP, DISCOUNT, PAY, SHARE]), "In the order of the order's lines."),
    Field::new(
        "fees",
        Shape::Objects(&[text("kind", "`shipping`."), text("name", "For customers."), GROUP, PAY, SHARE]),
        "What is paid beside the lines.",
    )
    .optional(),
    integer("goods", "The sum of quantity × unit price over all lines. Left out: 0.").optional(),
    integer("discount", "The sum of the lines' discounts. Left out: 0.").optional(),
    integer("tax", "The sum of the groups' taxes. Left out: 0.").optional(),
    integer("total", "What is to be paid. Left out: 0.").optional(),
];

const GROUP: Field = integer("group", "Index of its group, from 0. Left out: 0.").optional();
const DISCOUNT: Field =
    integer("discount", "What was taken off quantity × unit price. Left out: 0.").optional();
const PAY: Field = integer("pay", "What is to be paid for it, its tax included. Left out: 0.").optional();
const SHARE: Field = integer("tax", "Its share of the group's tax. Left out: 0.").optional();

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
            money("total", "What is to be paid: the sum of all lines, with what `terms` say of taxes."),
            text("override_reason", "Why prices differ from the catalogue's, if they do.").optional(),
            sealed("sealed_override_reason", "The same, sealed.").optional(),
            sealed("contact", "Name and e-mail address, sealed.").optional(),
            sealed("ship_to", "The address, sealed.").optional(),
            text("external_id", "The caller's own id, if one was named.").optional(),
            OWN_DATA,
            text("pay_until", "When it may be cancelled if it isn't confirmed; RFC 3339. Left out: never.")
                .optional(),
            Field::new(
                "terms",
                Shape::Object(TERMS),
                "What the lines come to, in minor units of the order's currency. Left out: their taxes aren't known.",
            )
            .optional(),
            sealed("buyer", "Who buys, as far as taxes ask for it, if it is a business; sealed.").optional(),
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
