//! What orders would come to.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_commands::orders::{AskQuoteRequest, PlaceLine, QuoteOutcome};
use daybook_core::{
    reads::{Taxation, taxed},
    values::{BuyerKind, Country, Currency, Money, Price, ProductName, Quantity, Sku, TaxRegion, VatId},
};
use daybook_domain::{Position, tax};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::Told,
    route::{Route, command},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        command(Method::POST, "/v1/quotes", "Says what an order would come to now, with its taxes. Nothing is held, and nothing is stored.",
            |(), body: AskQuote| AskQuoteRequest::from(body)),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "lines": [{ "sku": "TEA-earl_grey.1", "quantity": 2 }], "currency": "EUR", "country": "DE" })))]
pub struct AskQuote {
    #[schema(min_items = 1, max_items = 2000)]
    lines: Vec<QuoteLine>,
    currency: Currency,
    /// Where the order would be sent. If it is not given, it is sold where the shop is.
    country: Option<Country>,
    region: Option<TaxRegion>,
    /// Who would buy, as far as taxes ask for it. If it is not given, the buyer is a consumer.
    buyer: Option<QuoteBuyer>,
}

/// The same SKU may be on several lines.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteLine {
    sku: Sku,
    quantity: Quantity,
}

/// The name of a business makes no difference.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteBuyer {
    kind: BuyerKind,
    vat_id: Option<VatId>,
}

/// What the order would come to.
#[derive(Serialize, ToSchema)]
pub struct Quote {
    /// To be sent with the order: then it is not placed if it comes to more. It says nothing to anyone else.
    #[schema(
        min_length = 64,
        max_length = 64,
        pattern = "^[0-9a-f]{64}$",
        examples("343db21cc81d3e03bbf6e4bcdc8cd4d400000000000007cf000000006b49d584")
    )]
    quote: String,
    /// The last second at which an order can be placed with it.
    expires_at: DateTime<Utc>,
    #[schema(max_items = 2000)]
    lines: Vec<QuotedLine>,
    currency: Currency,
    /// What would be to be paid.
    total: Money,
    /// The total without its taxes; `null`: they aren't known.
    #[schema(required)]
    net: Option<Money>,
    /// The taxes of the total; `null`: they aren't known.
    #[schema(required)]
    tax: Option<Money>,
    #[schema(required)]
    taxes: Option<Taxation>,
    /// Prices and rates are those of this place in the log, also in `Daybook-Position`.
    #[schema(minimum = 0)]
    position: i64,
}

#[derive(Serialize, ToSchema)]
pub struct QuotedLine {
    sku: Sku,
    name: ProductName,
    quantity: Quantity,
    unit_price: Price,
    /// Quantity × unit price.
    total: Money,
    /// What would be to be paid for it without its tax; left out if that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    net: Option<Money>,
    /// Its share of the taxes; left out if they aren't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tax: Option<Money>,
}

impl From<AskQuote> for AskQuoteRequest {
    fn from(body: AskQuote) -> Self {
        let line =
            |line: QuoteLine| PlaceLine { sku: line.sku.0, quantity: line.quantity.0, unit_price: None };
        let buyer = |buyer: QuoteBuyer| {
            let vat_id = buyer.vat_id.map(|id| id.0);
            tax::Buyer { kind: buyer.kind.0, company: None, vat_id }
        };
        Self {
            lines: body.lines.into_iter().map(line).collect(),
            currency: body.currency.0,
            country: body.country.map(|country| country.0),
            region: body.region.map(|region| region.0),
            buyer: body.buyer.map(buyer),
        }
    }
}

impl Told for QuoteOutcome {
    type Answer = Quote;

    fn told(self, position: Position) -> Quote {
        let Self { quote, expires_at, lines, total, terms } = self;
        let currency = total.currency;
        let mut of_lines = terms.iter().flat_map(|terms| &terms.lines);
        let lines = lines.into_iter().map(|line| {
            let (net, tax) = of_lines.next().map(|terms| taxed::of_line(terms, currency)).unzip();
            QuotedLine {
                sku: line.sku.into(),
                name: line.name.into(),
                quantity: line.quantity.into(),
                unit_price: line.unit_price.into(),
                total: line.total.into(),
                net,
                tax,
            }
        });
        let lines = lines.collect();
        let (net, tax) = terms.as_ref().map(|terms| taxed::of_all(terms, currency)).unzip();
        Quote {
            quote,
            expires_at,
            lines,
            currency: currency.into(),
            total: total.into(),
            net,
            tax,
            taxes: terms.map(|terms| Taxation::of(terms, currency)),
            position: position.0,
        }
    }
}
