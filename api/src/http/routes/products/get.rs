use actix_web::{HttpRequest, web};
use daybook_domain::sku::Sku;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{AsOf, AsOfParameters, Params},
    },
    reads::{Product, ProductBySku},
    values,
};

/// One product, today or as it was. One that is not published, or was not then, is there for
/// merchandisers only.
#[utoipa::path(
    get, path = "/v1/products/{sku}", tag = "products", security((), ("bearer" = [])),
    params(("sku" = values::Sku, Path), AsOfParameters),
    responses(
        (status = 200, description = "The product", body = Product),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Option<Caller>,
    sku: web::Path<Sku>,
) -> Answer {
    let product = ProductBySku { sku: sku.into_inner(), as_of: query.params.0 };
    let actor = caller.as_ref().map(|caller| &*caller.0);
    let found = app.reads.find(&product, actor, query.conditions()).await?;
    Ok(answer::to_read(&request, &found))
}
