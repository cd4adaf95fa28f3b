use actix_web::{HttpRequest, web};
use daybook_domain::{policy::Action, product::Status, sku::Sku};
use daybook_projections::Rendering;

use super::view::View;
use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{NoParams, Params},
        problem::Problem,
        schema,
    },
};

/// The owner of what isn't for everybody. No token has such a subject.
const NOT_FOR_SALE: &str = "\n";

/// One product. One that is not published is there for merchandisers only.
#[utoipa::path(
    get, path = "/v1/products/{sku}", tag = "products", security((), ("bearer" = [])),
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "The product", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<NoParams>,
    caller: Option<Caller>,
    sku: web::Path<Sku>,
) -> Answer {
    let asked = query.asked("item");
    let found = app.queries.product(sku.as_str(), &asked, |row| async move {
        let owner = (row.status != Status::Published).then(|| NOT_FOR_SALE.to_owned());
        let body = serde_json::to_vec(&View::of(&row))?.into();
        Ok(Rendering { body, owner, etag: Some(format!("\"{}\"", row.version)) })
    });
    let product = found.await?.ok_or_else(Problem::not_found)?;
    let sees_all = caller.is_some_and(|caller| caller.may(Action::ReadUnpublishedProduct));
    match (&product.served.owner, sees_all) {
        (Some(_), false) => Err(Problem::not_found()),
        (None, false) => Ok(answer::to_query(&request, &product, answer::PUBLIC)),
        (_, true) => Ok(answer::to_query(&request, &product, answer::NO_STORE)),
    }
}
