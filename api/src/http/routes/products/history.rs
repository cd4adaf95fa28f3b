use actix_web::{HttpRequest, web};
use daybook_domain::sku::Sku;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{PageOfHistory, Params},
    },
    reads::{History, ProductHistory},
    values,
};

/// What happened to a product, in order: who, when, what and why. It tells of times before the
/// publication, too, so it is for merchandisers.
#[utoipa::path(
    get, path = "/v1/products/{sku}/history", tag = "products",
    params(("sku" = values::Sku, Path), PageOfHistory),
    responses(
        (status = 200, description = "A page of the history", body = History),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<PageOfHistory>,
    caller: Caller,
    sku: web::Path<Sku>,
) -> Answer {
    let conditions = query.conditions();
    let history = ProductHistory { sku: sku.into_inner(), part: query.params.into() };
    let found = app.reads.find(&history, Some(&caller.0), conditions).await?;
    Ok(answer::to_read(&request, &found))
}
