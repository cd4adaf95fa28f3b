use actix_web::web;
use daybook_commands::products::ArchiveProduct;
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

/// Takes a product out of sale for ever.
#[utoipa::path(
    post, path = "/v1/products/{sku}/archival", tag = "products", request_body = Nothing,
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "Archived", body = schema::Receipt),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, .. }: Incoming<Nothing>,
    sku: web::Path<Sku>,
) -> Answer {
    let request = ArchiveProduct { sku: sku.into_inner() };
    answer::to_command::<ArchiveProduct>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
