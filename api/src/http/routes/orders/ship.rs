use actix_web::web;
use daybook_commands::orders;
use daybook_domain::{ids::OrderId, order::Pieces, text::Reference};
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        incoming::{CommandBody, Incoming},
        schema,
    },
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShipOrder)]
pub struct Body {
    /// Without it: all that is left.
    #[schema(value_type = Option<Vec<ShipLine>>)]
    lines: Option<Vec<Pieces>>,
    #[schema(value_type = Option<schema::Reference>)]
    tracking: Option<Reference>,
}

#[derive(ToSchema)]
pub struct ShipLine {
    #[schema(value_type = schema::Sku)]
    pub sku: (),
    #[schema(value_type = schema::Quantity)]
    pub quantity: (),
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Notes that pieces of a confirmed order have left the house.
#[utoipa::path(
    post, path = "/v1/orders/{id}/shipments", tag = "orders", request_body = Body,
    params(("id" = schema::OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Shipped, wholly or partly", body = schema::OrderReceipt),
        (status = 422, description = "`order_not_shippable`, `shipment_exceeds_order`, `nothing_to_ship`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body }: Incoming<Body>,
    id: web::Path<OrderId>,
) -> Answer {
    let Body { lines: pieces, tracking } = body;
    let request = orders::ShipOrder { id: *id, pieces, tracking };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<orders::ShipOrder>(answer, COLLECTION)
}
