use actix_web::web;
use daybook_commands::orders::{PlaceLine, PlaceOrder, PlaceOrderRequest};
use daybook_domain::{
    contact::{Address, Contact},
    money::{Currency, Price},
    quantity::Quantity,
    sku::Sku,
    text::{CustomerId, ExternalId, Metadata, Reason},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        body,
        incoming::{CommandBody, Incoming},
        schema,
    },
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceOrder)]
pub struct Body {
    #[schema(min_items = 1, max_items = 1000)]
    lines: Vec<Line>,
    #[schema(value_type = schema::Currency)]
    currency: Currency,
    /// Whose order it is, if not the caller's own.
    #[schema(value_type = Option<schema::CustomerId>)]
    customer: Option<CustomerId>,
    #[schema(value_type = Option<schema::Contact>)]
    contact: Option<Contact>,
    #[schema(value_type = Option<schema::Address>)]
    ship_to: Option<Address>,
    #[schema(value_type = Option<schema::ExternalId>)]
    external_id: Option<ExternalId>,
    #[serde(default, deserialize_with = "body::metadata")]
    #[schema(value_type = Option<schema::Metadata>)]
    metadata: Metadata,
    /// Why a `unit_price` is not the catalogue's.
    #[schema(value_type = Option<schema::Reason>)]
    override_reason: Option<Reason>,
}

/// The same SKU may stand on several lines.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceLine)]
pub struct Line {
    #[schema(value_type = schema::Sku)]
    sku: Sku,
    #[schema(value_type = schema::Quantity)]
    quantity: Quantity,
    /// Without it: the catalogue's.
    #[schema(value_type = Option<schema::Price>)]
    unit_price: Option<Price>,
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Prices every line, holds the stock of all and places the order: all or nothing.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", request_body = Body,
    params(("Idempotency-Key" = String, Header)),
    responses(
        (status = 201, description = "Placed", body = schema::OrderReceipt),
        (status = 409, description = "`already_exists`"),
        (status = 422, description = "`insufficient_stock`, `product_not_found`, `product_not_published`, \
            `product_archived`, `price_not_available`, `currency_mismatch`, `total_out_of_range`"),
    ),
)]
pub async fn handle(app: web::Data<App>, Incoming { context, body }: Incoming<Body>) -> Answer {
    let Body { lines, currency, customer, contact, ship_to, external_id, metadata, override_reason } = body;
    let request = PlaceOrderRequest {
        lines: lines.into_iter().map(PlaceLine::from).collect(),
        currency,
        customer,
        contact,
        ship_to,
        external_id,
        metadata,
        override_reason,
    };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<PlaceOrder>(answer, COLLECTION)
}

impl From<Line> for PlaceLine {
    fn from(Line { sku, quantity, unit_price }: Line) -> Self {
        Self { sku, quantity, unit_price }
    }
}
