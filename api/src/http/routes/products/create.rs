use actix_web::web;
use daybook_commands::products;
use daybook_domain::{
    money::Price,
    sku::Sku,
    text::{Description, ExternalId, Metadata, ProductName},
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateProduct)]
pub struct Body {
    #[schema(value_type = schema::Sku)]
    sku: Sku,
    #[schema(value_type = schema::ProductName)]
    name: ProductName,
    #[serde(default)]
    #[schema(value_type = Option<schema::Description>)]
    description: Description,
    #[schema(value_type = schema::Price)]
    price: Price,
    #[schema(value_type = Option<schema::ExternalId>)]
    external_id: Option<ExternalId>,
    #[serde(default, deserialize_with = "body::metadata")]
    #[schema(value_type = Option<schema::Metadata>)]
    metadata: Metadata,
}

impl CommandBody for Body {}

/// Adds a product to the catalogue, as a draft.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", request_body = Body,
    responses(
        (status = 201, description = "Created", body = schema::Receipt),
        (status = 409, description = "`already_exists`"),
    ),
)]
pub async fn handle(app: web::Data<App>, Incoming { context, body }: Incoming<Body>) -> Answer {
    let Body { sku, name, description, price, external_id, metadata } = body;
    let request = products::CreateProduct { sku, name, description, price, external_id, metadata };
    let answer = app.commands().ask(context, request, &app.vault).await;
    answer::to_command::<products::CreateProduct>(answer, COLLECTION)
}
