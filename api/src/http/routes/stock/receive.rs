use actix_web::web;
use daybook_commands::stock;
use daybook_domain::{quantity::Quantity, sku::Sku, text::Reference};
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
#[schema(as = ReceiveStock)]
pub struct Body {
    #[schema(value_type = schema::Quantity)]
    quantity: Quantity,
    /// The number of the delivery note, say.
    #[schema(value_type = Option<schema::Reference>)]
    reference: Option<Reference>,
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Books goods in.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/receipts", tag = "stock", request_body = Body,
    params(("sku" = schema::Sku, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Received", body = schema::Receipt),
        (status = 422, description = "`stock_out_of_range`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body }: Incoming<Body>,
    sku: web::Path<Sku>,
) -> Answer {
    let Body { quantity, reference } = body;
    let request = stock::ReceiveStock { sku: sku.into_inner(), quantity, reference };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<stock::ReceiveStock>(answer, COLLECTION)
}
