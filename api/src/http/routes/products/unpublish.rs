use actix_web::web;
use daybook_commands::products::UnpublishProduct;
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

/// Takes a product out of sale, for a while.
#[utoipa::path(
    delete, path = "/v1/products/{sku}/publication", tag = "products",
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "Unpublished", body = schema::Receipt),
        (status = 422, description = "`product_archived`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, .. }: Incoming<Nothing>,
    sku: web::Path<Sku>,
) -> Answer {
    let request = UnpublishProduct { sku: sku.into_inner() };
    answer::to_command::<UnpublishProduct>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
