use actix_web::{HttpRequest, web};
use daybook_domain::ids::OrderId;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{AsOf, AsOfParameters, Params},
    },
    reads::{Order, OrderById},
    values,
};

/// One order, today or as it was.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = values::OrderId, Path), AsOfParameters),
    responses(
        (status = 200, description = "The order", body = Order),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Caller,
    id: web::Path<OrderId>,
) -> Answer {
    let order = OrderById { id: *id, as_of: query.params.0 };
    let found = app.reads.find(&order, Some(&caller.0), query.conditions()).await?;
    Ok(answer::to_read(&request, &found))
}
