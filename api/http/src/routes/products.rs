//! The catalogue.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_commands::products::{
    ArchiveProduct, CancelPriceChange, CreateProduct, DescribeProduct, PriceChangeOutcome, ProductOutcome,
    PublishProduct, SchedulePriceRequest, SetPrice, SetTaxClass, UnpublishProduct,
};
use daybook_core::{
    reads::{ProductBySku, ProductHistory, Products, Turn},
    values::{
        Description, ExternalId, Metadata, MetadataPatch, Price, PriceChangeId, ProductName, Sku, TaxClass,
    },
};
use daybook_domain::{Position, patch::Patch, sku};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::Told,
    arrived::Nothing,
    params::{AsOf, Limit, PageOfHistory},
    route::{Route, command, read},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        command(Method::POST, "/v1/products", "Adds a product to the catalogue, as a draft.",
            |(), body: Create| CreateProduct::from(body)),
        read("/v1/products", "The catalogue by SKU. Products that are not published are there for merchandisers only.",
            |(), page: Page| Products::from(page)),
        read("/v1/products/{sku}", "One product, today or as it was. One that is not published, or was not then, is there for merchandisers only.",
            |sku, AsOf(as_of)| ProductBySku { sku, as_of }),
        read("/v1/products/{sku}/history", "What happened to a product, in order: who, when, what and why. It tells of times before the publication, too, so it is for merchandisers.",
            |sku, page: PageOfHistory| ProductHistory { sku, part: page.into() }),
        command(Method::PATCH, "/v1/products/{sku}", "Changes how a product is described (RFC 7396): what is left out stays as it is, and `null` removes a description or metadata. Metadata is merged: a member is set, or removed by `null`, and the others stay.",
            |sku, body: Describe| body.of(sku)),
        command(Method::PUT, "/v1/products/{sku}/price", "Sets the price in one currency. Prices in other currencies stay.",
            |sku, price: Price| SetPrice { sku, price: price.0 }),
        command(Method::POST, "/v1/products/{sku}/price-changes", "Schedules a price that holds for a time, instead of the one that is set in its currency. Orders that are placed within that time have it. It needs the feature `tax`.",
            |sku, Schedule { price, from, until }| SchedulePriceRequest { sku, price: price.0, from, until }),
        command(Method::DELETE, "/v1/products/{sku}/price-changes/{id}", "Cancels a price change that has not ended: from now on it doesn't hold. It needs the feature `tax`.",
            |(sku, id), Nothing {}| CancelPriceChange { sku, id }),
        command(Method::PUT, "/v1/products/{sku}/tax-class", "Says what a product is for taxes: countries have rates for classes. It needs the feature `tax`.",
            |sku, Classify { class }| SetTaxClass { sku, class: class.0 }),
        command(Method::POST, "/v1/products/{sku}/publication", "Puts a product up for sale.",
            |sku, Nothing {}| PublishProduct { sku }),
        command(Method::DELETE, "/v1/products/{sku}/publication", "Takes a product from sale.",
            |sku, Nothing {}| UnpublishProduct { sku }),
        command(Method::POST, "/v1/products/{sku}/archival", "Takes a product from sale for good.",
            |sku, Nothing {}| ArchiveProduct { sku }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateProduct, examples(json!({
    "sku": "TEA-earl_grey.1",
    "name": "Earl Grey, 100 g",
    "description": "Black tea with oil of bergamot.",
    "price": { "amount": 499, "currency": "EUR" },
    "external_id": "SHOP-4711",
    "metadata": { "origin": "Ceylon" },
})))]
pub struct Create {
    sku: Sku,
    name: ProductName,
    #[serde(default)]
    description: Description,
    price: Price,
    external_id: Option<ExternalId>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribeProduct, examples(json!({ "name": "Earl Grey, 125 g", "description": null })))]
pub struct Describe {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = ProductName)]
    name: Option<ProductName>,
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    description: Patch<Description>,
    #[serde(default)]
    #[schema(value_type = Option<MetadataPatch>)]
    metadata: Patch<MetadataPatch>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SchedulePrice, examples(json!({
    "price": { "amount": 399, "currency": "EUR" },
    "from": "2026-12-01T00:00:00Z",
    "until": "2026-12-27T00:00:00Z",
})))]
pub struct Schedule {
    price: Price,
    /// It holds from then on: now, or a later time within ten years. A part of a second is left out.
    from: DateTime<Utc>,
    /// It doesn't hold any more then. Without it, the price holds until the change is cancelled.
    until: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetTaxClass, examples(json!({ "class": "books" })))]
pub struct Classify {
    class: TaxClass,
}

/// Reads a member that may be left out, but not removed.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ProductName>, D::Error> {
    ProductName::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Part of a SKU or a name. Case makes no difference, nor do composed and compatibility forms of letters.
    #[param(pattern = r"^[^\x00]*$", max_length = 100, example = "earl grey")]
    q: Option<String>,
    /// How many rows a page has at most. It has fewer where they would be more than 2 MiB.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    after: Option<String>,
    /// `prev` of the page behind. It excludes `after`.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    before: Option<String>,
}

/// The product after the command.
#[derive(Serialize, ToSchema)]
pub struct ProductReceipt {
    id: Sku,
    sku: Sku,
    /// The version, which is also in `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// A place in the log, also in `Daybook-Position`.
    #[schema(minimum = 1)]
    position: i64,
}

/// The product after the command, and its new price change.
#[derive(Serialize, ToSchema)]
pub struct PriceChangeReceipt {
    id: Sku,
    sku: Sku,
    /// The id of the price change.
    price_change: PriceChangeId,
    /// The version of the product, which is also in `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// A place in the log, also in `Daybook-Position`.
    #[schema(minimum = 1)]
    position: i64,
}

impl From<Create> for CreateProduct {
    fn from(body: Create) -> Self {
        Self {
            sku: body.sku.0,
            name: body.name.0,
            description: body.description.0,
            price: body.price.0,
            external_id: body.external_id.map(|id| id.0),
            metadata: body.metadata.0,
        }
    }
}

impl Describe {
    fn of(self, sku: sku::Sku) -> DescribeProduct {
        DescribeProduct {
            sku,
            name: self.name.map(|name| name.0),
            description: self.description.map(|description| description.0),
            metadata: self.metadata.map(|metadata| metadata.0),
        }
    }
}

impl From<Page> for Products {
    fn from(Page { q, limit, after, before }: Page) -> Self {
        Self { q, limit: limit.get(), turn: Turn { after, before } }
    }
}

impl Told for ProductOutcome {
    type Answer = ProductReceipt;

    fn told(self, position: Position) -> ProductReceipt {
        ProductReceipt {
            id: self.id.into(),
            sku: self.sku.into(),
            version: self.version,
            position: position.0,
        }
    }
}

impl Told for PriceChangeOutcome {
    type Answer = PriceChangeReceipt;

    fn told(self, position: Position) -> PriceChangeReceipt {
        PriceChangeReceipt {
            id: self.id.into(),
            sku: self.sku.into(),
            price_change: self.price_change.into(),
            version: self.version,
            position: position.0,
        }
    }
}
