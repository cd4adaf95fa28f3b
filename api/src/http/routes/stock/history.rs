use actix_web::{HttpRequest, web};
use daybook_domain::sku::Sku;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{PageOfHistory, Params},
    },
    reads::{History, StockHistory},
    values,
};

/// What happened to the stock of a SKU, in order: who, when, what and why. Who ordered is told only to
/// those who may read orders.
#[utoipa::path(
    get, path = "/v1/stock/{sku}/history", tag = "stock",
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
    let history = StockHistory { sku: sku.into_inner(), part: query.params.into() };
    let found = app.reads.find(&history, Some(&caller.0), conditions).await?;
    Ok(answer::to_read(&request, &found))
}
