use actix_web::{HttpRequest, web};
use daybook_domain::{policy::Action, sku::Sku, stock::Stock};

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::Answer,
        history::{History, Page, View},
        params::Params,
        schema,
    },
};

/// What happened to the stock of a SKU, in order: who, when, what and why. Who ordered is told only to
/// those who may read orders.
#[utoipa::path(
    get, path = "/v1/stock/{sku}/history", tag = "stock",
    params(("sku" = schema::Sku, Path), Page),
    responses(
        (status = 200, description = "A page of the history", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Caller,
    sku: web::Path<Sku>,
) -> Answer {
    caller.authorize(Action::ReadStock, None)?;
    let sees_buyers = caller.may(Action::ReadOrder);
    let history = History::read::<Stock>(&app, sku.as_str(), &query).await?;
    history.answer::<Stock>(&request, |change| {
        if !sees_buyers && change.details.get("order").is_some() {
            change.who = None;
        }
    })
}
