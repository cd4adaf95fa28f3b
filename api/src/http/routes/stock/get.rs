use actix_web::{HttpRequest, web};
use daybook_domain::sku::Sku;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{AsOf, AsOfParameters, Params},
    },
    reads::{Stock, StockBySku},
    values,
};

/// How much there is of a SKU, or was.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "stock",
    params(("sku" = values::Sku, Path), AsOfParameters),
    responses(
        (status = 200, description = "The stock", body = Stock),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Caller,
    sku: web::Path<Sku>,
) -> Answer {
    let stock = StockBySku { sku: sku.into_inner(), as_of: query.params.0 };
    let found = app.reads.find(&stock, Some(&caller.0), query.conditions()).await?;
    Ok(answer::to_read(&request, &found))
}
