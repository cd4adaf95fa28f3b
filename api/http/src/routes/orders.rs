//! Orders.

use actix_web::http::Method;
use daybook_commands::orders::{
    CancelOrderRequest, ConfirmOrder, DeliverOrder, OrderOutcome, OutcomeLine, PlaceLine, PlaceOrderRequest,
    ShipOrderRequest,
};
use daybook_core::{
    reads::{OrderById, OrderHistory, Orders, Turn},
    values::{
        Address, Buyer, Contact, Currency, CustomerId, ExternalId, Metadata, Money, OrderId, OrderStatus,
        Price, ProductName, Quantity, Reason, Reference, Sku,
    },
};
use daybook_domain::{
    Position,
    order::{Pieces, Portion, PortionOf},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{OneOfBuilder, Ref, RefOr, schema::Schema},
};

use crate::{
    answer::Told,
    arrived::Nothing,
    params::{AsOf, Limit, PageOfHistory, Time},
    route::{Route, command, read},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        command(Method::POST, "/v1/orders", "Prices every line, holds the stock of all and places the order: all or nothing.",
            |(), body: PlaceOrder| PlaceOrderRequest::from(body)),
        read("/v1/orders", "Orders, the newest first.",
            |(), page: Page| Orders::from(page)),
        read("/v1/orders/{id}", "One order, today or as it was.",
            |id, AsOf(as_of)| OrderById { id, as_of }),
        read("/v1/orders/{id}/history", "What happened to an order, in order: who, when, what and why.",
            |id, page: PageOfHistory| OrderHistory { id, part: page.into() }),
        command(Method::POST, "/v1/orders/{id}/confirmation", "Confirms an order: what it holds becomes allocated.",
            |id, Nothing {}| ConfirmOrder { id }),
        command(Method::POST, "/v1/orders/{id}/cancellation", "Cancels an order, or the pieces that are named of it, and gives the stock back. What is shipped can't be cancelled.",
            |id, body: Cancel| body.of(id)),
        command(Method::POST, "/v1/orders/{id}/shipments", "Notes that pieces of a confirmed order have left the house.",
            |id, body: Ship| body.of(id)),
        command(Method::POST, "/v1/orders/{id}/delivery", "Notes that an order has arrived.",
            |id, Nothing {}| DeliverOrder { id }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "lines": [{ "sku": "TEA-earl_grey.1", "quantity": 2 }],
    "currency": "EUR",
    "contact": { "name": "Alice Adams", "email": "alice@example.com" },
    "ship_to": { "name": "Alice Adams", "street": "12 Long Lane", "city": "Leeds", "postcode": "LS1 4AP", "country": "GB" },
    "external_id": "SHOP-4711",
})))]
pub struct PlaceOrder {
    #[schema(min_items = 1, max_items = 2000)]
    lines: Vec<Line>,
    currency: Currency,
    /// The customer who owns the order, if it is not the caller.
    customer: Option<CustomerId>,
    contact: Option<Contact>,
    ship_to: Option<Address>,
    /// Who buys, as far as taxes ask for it. If it is not given, the buyer is a consumer.
    buyer: Option<Buyer>,
    external_id: Option<ExternalId>,
    #[serde(default)]
    metadata: Metadata,
    /// Why a `unit_price` is not the catalogue's. It must be given if a line has a `unit_price`.
    override_reason: Option<Reason>,
    /// The `quote` that was asked for this order: it is not placed if it comes to more (`quote_changed`).
    #[schema(
        max_length = 64,
        pattern = "^[0-9a-f]{64}$",
        examples("343db21cc81d3e03bbf6e4bcdc8cd4d400000000000007cf000000006b49d584")
    )]
    quote: Option<String>,
}

/// The same SKU may be on several lines.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceLine)]
pub struct Line {
    sku: Sku,
    quantity: Quantity,
    /// The price of a piece. If it is not given, the catalogue's price is used.
    unit_price: Option<Price>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancelOrder, examples(json!({ "reason": "The customer asked for it." })))]
pub struct Cancel {
    reason: Option<Reason>,
    /// What is cancelled. If it is not given, the whole order is. It is refused while the feature
    /// `cancel_lines` is off.
    #[schema(min_items = 1, max_items = 2000)]
    lines: Option<Vec<CancelLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelLineForm {
    line: Option<usize>,
    sku: Option<Sku>,
    quantity: Quantity,
}

#[derive(Deserialize)]
#[serde(try_from = "CancelLineForm")]
pub struct CancelLine(Portion);

impl TryFrom<CancelLineForm> for CancelLine {
    type Error = &'static str;

    fn try_from(form: CancelLineForm) -> Result<Self, Self::Error> {
        let of = match (form.line, form.sku) {
            (Some(line), None) => PortionOf::Line(line),
            (None, Some(sku)) => PortionOf::Sku(sku.0),
            _ => return Err("either line or sku is named"),
        };
        Ok(Self(Portion { of, quantity: form.quantity.0 }))
    }
}

/// Deriving it would allow both names of a line, or none.
impl PartialSchema for CancelLine {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(CancelLineBySku::name()))
            .item(Ref::from_schema_name(CancelLineByIndex::name()))
            .description(Some("Pieces of a line, or of a SKU that is on one line only."))
            .into()
    }
}

impl ToSchema for CancelLine {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (CancelLineBySku::name(), CancelLineBySku::schema()),
            (CancelLineByIndex::name(), CancelLineByIndex::schema()),
        ] {
            schemas.push((name.into(), schema));
        }
        CancelLineBySku::schemas(schemas);
        CancelLineByIndex::schemas(schemas);
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the schema of one form of `CancelLine`")]
struct CancelLineBySku {
    sku: Sku,
    quantity: Quantity,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the schema of one form of `CancelLine`")]
struct CancelLineByIndex {
    /// Index of the line, from 0
    #[schema(minimum = 0, maximum = 1999)]
    line: u16,
    quantity: Quantity,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShipOrder, examples(json!({
    "lines": [{ "sku": "TEA-earl_grey.1", "quantity": 2 }],
    "tracking": "TRACK-4711",
})))]
pub struct Ship {
    /// What is shipped. If it is not given, all that is left is shipped.
    lines: Option<Vec<ShipLine>>,
    tracking: Option<Reference>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipLine {
    sku: Sku,
    quantity: Quantity,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    status: Option<OrderStatus>,
    /// Only orders of this customer. A customer is shown only their own in any case.
    #[param(pattern = r"^[^\x00]*$", example = "alice")]
    customer: Option<String>,
    /// Only the orders with this `external_id`, compared without regard to case and form: that of the customer who is
    /// named or asks, if the customer gave it, and that of the shop.
    #[param(value_type = Option<ExternalId>)]
    external_id: Option<ExternalId>,
    /// Only orders that were placed at this time or later (RFC 3339). A plus sign is written `%2B`.
    #[serde(rename = "placed_at[gte]")]
    #[param(value_type = Option<DateTime<Utc>>)]
    placed_from: Option<Time>,
    /// Only orders that were placed before this time.
    #[serde(rename = "placed_at[lt]")]
    #[param(value_type = Option<DateTime<Utc>>)]
    placed_before: Option<Time>,
    /// How many rows a page has at most. It has fewer where they would be more than 2 MiB.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    after: Option<String>,
    /// `prev` of the page behind. It excludes `after`.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    before: Option<String>,
}

/// The order after the command.
#[derive(Serialize, ToSchema)]
pub struct OrderReceipt {
    id: OrderId,
    status: OrderStatus,
    /// The version, which is also in `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(max_items = 2000)]
    lines: Vec<OrderReceiptLine>,
    total: Money,
    /// A place in the log, also in `Daybook-Position`.
    #[schema(minimum = 1)]
    position: i64,
}

#[derive(Serialize, ToSchema)]
pub struct OrderReceiptLine {
    sku: Sku,
    name: ProductName,
    quantity: Quantity,
    unit_price: Price,
    total: Money,
}

impl From<PlaceOrder> for PlaceOrderRequest {
    fn from(body: PlaceOrder) -> Self {
        let line = |line: Line| PlaceLine {
            sku: line.sku.0,
            quantity: line.quantity.0,
            unit_price: line.unit_price.map(|price| price.0),
        };
        Self {
            lines: body.lines.into_iter().map(line).collect(),
            currency: body.currency.0,
            customer: body.customer.map(|customer| customer.0),
            contact: body.contact.map(Into::into),
            ship_to: body.ship_to.map(Into::into),
            buyer: body.buyer.map(Into::into),
            external_id: body.external_id.map(|id| id.0),
            metadata: body.metadata.0,
            override_reason: body.override_reason.map(|reason| reason.0),
            quote: body.quote,
        }
    }
}

impl Cancel {
    fn of(self, id: daybook_domain::ids::OrderId) -> CancelOrderRequest {
        CancelOrderRequest {
            id,
            reason: self.reason.map(|reason| reason.0),
            lines: self.lines.map(|lines| lines.into_iter().map(|line| line.0).collect()),
        }
    }
}

impl Ship {
    fn of(self, id: daybook_domain::ids::OrderId) -> ShipOrderRequest {
        let pieces = |line: ShipLine| Pieces { sku: line.sku.0, quantity: line.quantity.0 };
        ShipOrderRequest {
            id,
            pieces: self.lines.map(|lines| lines.into_iter().map(pieces).collect()),
            tracking: self.tracking.map(|tracking| tracking.0),
        }
    }
}

impl From<Page> for Orders {
    fn from(page: Page) -> Self {
        let Page { status, customer, external_id, placed_from, placed_before, limit, after, before } = page;
        Self {
            status: status.map(|status| status.0),
            customer,
            external_id: external_id.map(|id| id.0),
            placed_from: placed_from.map(|time| time.0),
            placed_before: placed_before.map(|time| time.0),
            limit: limit.get(),
            turn: Turn { after, before },
        }
    }
}

impl Told for OrderOutcome {
    type Answer = OrderReceipt;

    fn told(self, position: Position) -> OrderReceipt {
        let line = |line: OutcomeLine| OrderReceiptLine {
            sku: line.sku.into(),
            name: line.name.into(),
            quantity: line.quantity.into(),
            unit_price: line.unit_price.into(),
            total: line.total.into(),
        };
        OrderReceipt {
            id: self.id.into(),
            status: self.status.into(),
            version: self.version,
            lines: self.lines.into_iter().map(line).collect(),
            total: self.total.into(),
            position: position.0,
        }
    }
}
