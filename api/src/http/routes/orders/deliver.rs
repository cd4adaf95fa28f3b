use actix_web::web;
use daybook_commands::orders::DeliverOrder;
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

/// Notes that an order has arrived.
#[utoipa::path(
    post, path = "/v1/orders/{id}/delivery", tag = "orders", request_body = NothingKeyed,
    params(("id" = schema::OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, description = "Delivered", body = schema::OrderReceipt),
        (status = 422, description = "`order_not_deliverable`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, .. }: Incoming<NothingKeyed>,
    id: web::Path<OrderId>,
) -> Answer {
    let request = DeliverOrder { id: *id };
    answer::to_command::<DeliverOrder>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
