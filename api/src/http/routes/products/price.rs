use actix_web::web;
use daybook_commands::products::SetPrice;
use daybook_domain::{
    money::{Money, Price},
    sku::Sku,
};
use serde::Deserialize;

use super::COLLECTION;
use crate::{
    app::App,
    http::{
        answer::{self, Answer},
        incoming::{CommandBody, Incoming},
        schema,
    },
};

#[derive(Deserialize)]
#[serde(try_from = "Money")]
pub struct Body(Price);

impl TryFrom<Money> for Body {
    type Error = <Price as TryFrom<Money>>::Error;

    fn try_from(money: Money) -> Result<Self, Self::Error> {
        Price::try_from(money).map(Self)
    }
}

impl CommandBody for Body {}

/// Sets the price in one currency; prices in other currencies stay.
#[utoipa::path(
    put, path = "/v1/products/{sku}/price", tag = "products",
    request_body = inline(schema::Price),
    params(("sku" = schema::Sku, Path)),
    responses(
        (status = 200, description = "Priced", body = schema::Receipt),
        (status = 422, description = "`product_archived`, `too_many_currencies`"),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    Incoming { context, body: Body(price) }: Incoming<Body>,
    sku: web::Path<Sku>,
) -> Answer {
    let request = SetPrice { sku: sku.into_inner(), price };
    answer::to_command::<SetPrice>(app.commands().ask(context, request, &app.vault).await, COLLECTION)
}
