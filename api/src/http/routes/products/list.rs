use actix_web::{
    HttpRequest,
    http::header::{self, HeaderValue},
    web,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{Limit, Params},
    },
    reads::{ProductPage, Products},
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Part of a SKU or a name, in whatever case.
    q: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    after: Option<String>,
}

/// The catalogue by SKU. Products that are not published are there for merchandisers only.
#[utoipa::path(
    get, path = "/v1/products", tag = "products", security((), ("bearer" = [])), params(Page),
    responses((status = 200, description = "A page", body = ProductPage)),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Option<Caller>,
) -> Answer {
    let conditions = query.conditions();
    let Page { q, limit, after } = query.params;
    let products = Products { q, limit: limit.get(), after };
    let actor = caller.as_ref().map(|caller| &*caller.0);
    let found = app.reads.find(&products, actor, conditions).await?;
    let mut response = answer::to_read(&request, &found);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Authorization"));
    Ok(response)
}
