use actix_web::web;
use daybook_commands::orders::{PlaceLine, PlaceOrder, owner};
use daybook_domain::{
    contact::{Address, Contact},
    ids::OrderId,
    money::{Currency, Price},
    quantity::Quantity,
    sealed::Sealed,
    sku::Sku,
    text::{CustomerId, ExternalId, Metadata, Reason},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::COLLECTION;
use crate::{
    app::App,
    entropy,
    http::{
        answer::{self, Answer},
        body,
        context::in_time,
        incoming::{CommandBody, Incoming},
        problem::Problem,
        schema,
    },
    vault::{Person, Vault},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceOrder)]
pub struct Body {
    #[schema(min_items = 1, max_items = 1000)]
    lines: Vec<Line>,
    #[schema(value_type = schema::Currency)]
    currency: Currency,
    /// Whose order it is, if not the caller's own.
    #[schema(value_type = Option<schema::CustomerId>)]
    customer: Option<CustomerId>,
    #[schema(value_type = Option<schema::Contact>)]
    contact: Option<Contact>,
    #[schema(value_type = Option<schema::Address>)]
    ship_to: Option<Address>,
    #[schema(value_type = Option<schema::ExternalId>)]
    external_id: Option<ExternalId>,
    #[serde(default, deserialize_with = "body::metadata")]
    #[schema(value_type = Option<schema::Metadata>)]
    metadata: Metadata,
    /// Why a `unit_price` is not the catalogue's.
    #[schema(value_type = Option<schema::Reason>)]
    override_reason: Option<Reason>,
}

/// The same SKU may stand on several lines.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceLine)]
pub struct Line {
    #[schema(value_type = schema::Sku)]
    sku: Sku,
    #[schema(value_type = schema::Quantity)]
    quantity: Quantity,
    /// Without it: the catalogue's.
    #[schema(value_type = Option<schema::Price>)]
    unit_price: Option<Price>,
}

impl CommandBody for Body {
    const KEY_REQUIRED: bool = true;
}

/// Prices every line, holds the stock of all and places the order: all or nothing.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", request_body = Body,
    params(("Idempotency-Key" = String, Header)),
    responses(
        (status = 201, description = "Placed", body = schema::OrderReceipt),
        (status = 409, description = "`already_exists`"),
        (status = 422, description = "`insufficient_stock`, `product_not_found`, `product_not_published`, \
            `product_archived`, `price_not_available`, `currency_mismatch`, `total_out_of_range`"),
    ),
)]
pub async fn handle(app: web::Data<App>, Incoming { context, body }: Incoming<Body>) -> Answer {
    let orders = app.commands().orders();
    // Before anything is sealed: whoever may not place an order makes no keys for persons either.
    let overrides_price = body.lines.iter().any(|line| line.unit_price.is_some());
    orders.may_place(&context, body.customer.as_ref(), overrides_price)?;

    let id = OrderId::new(entropy::new_id());
    let customer = owner(&context.actor, body.customer.as_ref());
    let person = customer.as_ref().map_or(Person::Order(id), |customer| Person::Customer(customer.as_str()));
    let sealing = async {
        let contact = seal(&app.vault, &person, body.contact.as_ref()).await?;
        Ok::<_, Problem>((contact, seal(&app.vault, &person, body.ship_to.as_ref()).await?))
    };
    let (contact, ship_to) = in_time(context.deadline, sealing).await?;
    let order = PlaceOrder {
        id,
        lines: body.lines.into_iter().map(PlaceLine::from).collect(),
        currency: body.currency,
        customer: body.customer,
        contact,
        ship_to,
        external_id: body.external_id,
        metadata: body.metadata,
        override_reason: body.override_reason,
    };
    answer::to_command(orders.place(context, order).await, COLLECTION)
}

async fn seal(
    vault: &Vault,
    person: &Person<'_>,
    data: Option<&impl Serialize>,
) -> Result<Option<Sealed>, Problem> {
    match data {
        Some(data) => Ok(Some(vault.seal(person, data).await?)),
        None => Ok(None),
    }
}

impl From<Line> for PlaceLine {
    fn from(Line { sku, quantity, unit_price }: Line) -> Self {
        Self { sku, quantity, unit_price }
    }
}
