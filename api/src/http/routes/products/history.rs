use actix_web::{HttpRequest, web};
use daybook_domain::{policy::Action, product::Product, sku::Sku};

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

/// What happened to a product, in order: who, when, what and why. It tells of times before the
/// publication, too, so it is for merchandisers.
#[utoipa::path(
    get, path = "/v1/products/{sku}/history", tag = "products",
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
    caller.authorize(Action::ReadUnpublishedProduct, None)?;
    History::read::<Product>(&app, sku.as_str(), &query).await?.answer::<Product>(&request, |_| {})
}
