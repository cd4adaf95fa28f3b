use actix_web::web;
use daybook_commands::orders::ConfirmOrder;
use daybook_domain::ids::OrderId;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        incoming::{Incoming, NothingKeyed},
        schema,
    },
};

/// Confirms an order: what it holds becomes allocated.
#[utoipa::path(
    post, path = "/v1/orders/{id}/confirmation", tag = "orders", request_body = NothingKeyed,
    params(("id" = schema::OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Confirmed", body = schema::OrderReceipt),
        (status = 422, description = "`order_not_confirmable`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, .. }: Incoming<NothingKeyed>,
    id: web::Path<OrderId>,
) -> Answer {
    let request = ConfirmOrder { id: *id };
    answer::to_command::<ConfirmOrder>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
