use actix_web::{HttpRequest, web};
use daybook_domain::{policy::Action, sku::Sku};
use daybook_projections::Rendering;
use serde::Serialize;
use utoipa::ToSchema;

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

#[derive(Serialize, ToSchema)]
#[schema(as = Stock)]
pub struct View<'a> {
    #[schema(value_type = schema::Sku)]
    sku: &'a str,
    on_hand: i64,
    /// Promised to orders that are placed.
    held: i64,
    /// Promised to orders that are confirmed.
    allocated: i64,
    /// What can still be promised.
    available: i64,
    version: i64,
}

/// How much there is of a SKU, or was.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "stock",
    params(("sku" = schema::Sku, Path), AsOfParameters),
    responses(
        (status = 200, description = "The stock", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Caller,
    sku: web::Path<Sku>,
) -> Answer {
    caller.authorize(Action::ReadStock, None)?;
    let asked = query.asked_of_item();
    let found = app.queries.stock(sku.as_str(), &asked, |row| async move {
        let view = View {
            sku: &row.sku,
            on_hand: row.stock.on_hand,
            held: row.stock.held,
            allocated: row.stock.allocated,
            available: row.stock.available(),
            version: row.version,
        };
        let body = serde_json::to_vec(&view)?.into();
        Ok(Rendering { body, owner: None, etag: Some(answer::etag(row.version)) })
    });
    let stock = found.await?.ok_or_else(Problem::not_found)?;
    Ok(answer::to_query(&request, &stock, answer::NO_STORE))
}
