use actix_web::web;
use daybook_commands::stock;
use daybook_domain::{sku::Sku, text::Reason};
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
#[schema(as = AdjustStock)]
pub struct Body {
    /// Pieces found, or, below 0, missing.
    delta: i64,
    #[schema(value_type = schema::Reason)]
    reason: Reason,
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Corrects the count.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/adjustments", tag = "stock", request_body = Body,
    params(("sku" = schema::Sku, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Adjusted", body = schema::Receipt),
        (status = 422, description = "`insufficient_stock`, `nothing_to_adjust`, `stock_out_of_range`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body }: Incoming<Body>,
    sku: web::Path<Sku>,
) -> Answer {
    let request = stock::AdjustStock { sku: sku.into_inner(), delta: body.delta, reason: body.reason };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<stock::AdjustStock>(answer, COLLECTION)
}
