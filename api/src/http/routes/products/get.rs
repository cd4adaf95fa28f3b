use actix_web::{HttpRequest, web};
use daybook_domain::{policy::Action, product::Status, sku::Sku};
use daybook_projections::Rendering;

use super::view::View;
use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{AsOf, AsOfParameters, Params},
        problem::Problem,
        schema,
    },
};

/// The owner of what isn't for everybody. No token has such a subject.
const NOT_FOR_SALE: &str = "\n";

/// One product, today or as it was. One that is not published, or was not then, is there for
/// merchandisers only.
#[utoipa::path(
    get, path = "/v1/products/{sku}", tag = "products", security((), ("bearer" = [])),
    params(("sku" = schema::Sku, Path), AsOfParameters),
    responses(
        (status = 200, description = "The product", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Option<Caller>,
    sku: web::Path<Sku>,
) -> Answer {
    let asked = query.asked_of_item();
    let found = app.queries.product(sku.as_str(), &asked, |row| async move {
        let owner = (row.status != Status::Published).then(|| NOT_FOR_SALE.to_owned());
        let body = serde_json::to_vec(&View::of(&row))?.into();
        Ok(Rendering { body, owner, etag: Some(answer::etag(row.version)) })
    });
    let product = found.await?.ok_or_else(Problem::not_found)?;
    let sees_all = caller.is_some_and(|caller| caller.may(Action::ReadUnpublishedProduct));
    if product.served.owner.is_some() && !sees_all {
        return Err(Problem::not_found());
    }
    // A cache may take what is for everybody; but of the past there is too much, and nobody asks twice.
    let is_for_caches = !sees_all && asked.as_of.is_none();
    let cache = if is_for_caches { answer::PUBLIC } else { answer::NO_STORE };
    Ok(answer::to_query(&request, &product, cache))
}
