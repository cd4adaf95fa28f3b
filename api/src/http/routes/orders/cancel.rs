use actix_web::web;
use daybook_commands::orders;
use daybook_domain::{ids::OrderId, text::Reason};
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
#[schema(as = CancelOrder)]
pub struct Body {
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<Reason>,
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Cancels an order and gives its stock back.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancellation", tag = "orders", request_body = Body,
    params(("id" = schema::OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Cancelled", body = schema::OrderReceipt),
        (status = 422, description = "`order_not_cancellable`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body }: Incoming<Body>,
    id: web::Path<OrderId>,
) -> Answer {
    let request = orders::CancelOrder { id: *id, reason: body.reason };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<orders::CancelOrder>(answer, COLLECTION)
}
