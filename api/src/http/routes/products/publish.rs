use actix_web::web;
use daybook_commands::products::PublishProduct;
use daybook_domain::sku::Sku;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        incoming::{Incoming, Nothing},
        schema,
    },
};

/// Puts a product up for sale.
#[utoipa::path(
    post, path = "/v1/products/{sku}/publication", tag = "products", request_body = Nothing,
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "Published", body = schema::Receipt),
        (status = 422, description = "`product_archived`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, .. }: Incoming<Nothing>,
    sku: web::Path<Sku>,
) -> Answer {
    let request = PublishProduct { sku: sku.into_inner() };
    answer::to_command::<PublishProduct>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
