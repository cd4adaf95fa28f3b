use actix_web::{HttpRequest, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{Limit, Params},
    },
    reads::{OrderPage, Orders},
    values::OrderStatus,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    status: Option<OrderStatus>,
    /// Whose orders. Customers see their own in any case.
    customer: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    after: Option<String>,
}

/// Orders, the newest first.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", params(Page),
    responses((status = 200, description = "A page", body = OrderPage)),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Caller,
) -> Answer {
    let conditions = query.conditions();
    let Page { status, customer, limit, after } = query.params;
    let orders = Orders { status: status.map(|status| status.0), customer, limit: limit.get(), after };
    let found = app.reads.find(&orders, Some(&caller.0), conditions).await?;
    Ok(answer::to_read(&request, &found))
}
