use actix_web::{HttpRequest, web};
use daybook_domain::{
    ids::OrderId,
    order::{Event, Order},
    policy::Action,
};

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::Answer,
        history::{History, Page, View},
        params::Params,
        problem::Problem,
        schema,
    },
};

/// What happened to an order, in order: who, when, what and why.
#[utoipa::path(
    get, path = "/v1/orders/{id}/history", tag = "orders",
    params(("id" = schema::OrderId, Path), Page),
    responses(
        (status = 200, description = "A page of the history", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Caller,
    id: web::Path<OrderId>,
) -> Answer {
    caller.authorize(Action::ReadOrder, Some(&caller.0.subject))?;
    let history = History::read::<Order>(&app, &id.to_string(), &query).await?;
    let Ok(Event::Placed(placement)) = history.first().decode::<Event>() else {
        return Err(Problem::internal());
    };
    caller.authorize(Action::ReadOrder, placement.customer.as_ref().map(|customer| customer.as_str()))?;
    history.answer::<Order>(&request, |_| {})
}
