use actix_web::web;
use daybook_commands::products;
use daybook_domain::{
    sku::Sku,
    text::{Description, Metadata, ProductName},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        body,
        incoming::{CommandBody, Incoming},
        schema,
    },
};

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribeProduct)]
pub struct Body {
    #[schema(value_type = Option<schema::ProductName>)]
    name: Option<ProductName>,
    #[schema(value_type = Option<schema::Description>)]
    description: Option<Description>,
    #[serde(default, deserialize_with = "body::optional_metadata")]
    #[schema(value_type = Option<schema::Metadata>)]
    metadata: Option<Metadata>,
}

impl CommandBody for Body {}

/// Changes how a product is described.
#[utoipa::path(
    patch, path = "/v1/products/{sku}", tag = "products", request_body = Body,
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "Described", body = schema::Receipt),
        (status = 422, description = "`product_archived`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body }: Incoming<Body>,
    sku: web::Path<Sku>,
) -> Answer {
    let Body { name, description, metadata } = body;
    let request = products::DescribeProduct { sku: sku.into_inner(), name, description, metadata };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<products::DescribeProduct>(answer, COLLECTION)
}
