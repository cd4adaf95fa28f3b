use actix_web::{HttpRequest, web};
use daybook_domain::ids::OrderId;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{PageOfHistory, Params},
    },
    reads::{History, OrderHistory},
    values,
};

/// What happened to an order, in order: who, when, what and why.
#[utoipa::path(
    get, path = "/v1/orders/{id}/history", tag = "orders",
    params(("id" = values::OrderId, Path), PageOfHistory),
    responses(
        (status = 200, description = "A page of the history", body = History),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<PageOfHistory>,
    caller: Caller,
    id: web::Path<OrderId>,
) -> Answer {
    let conditions = query.conditions();
    let history = OrderHistory { id: *id, part: query.params.into() };
    let found = app.reads.find(&history, Some(&caller.0), conditions).await?;
    Ok(answer::to_read(&request, &found))
}
