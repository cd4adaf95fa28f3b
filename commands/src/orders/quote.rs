//! What an order would come to, by the very rules and states by which it would be placed. Nothing is appended.

use chrono::{DateTime, SubsecRound, Utc};
use daybook_domain::{
    Code,
    contact::Country,
    money::{Currency, Money, Price},
    order::{check_line_count, to_pay},
    policy::{Action, Actor, Demand},
    pricing::{Asked, QUOTE_LIFETIME, Quote, Sale, Terms},
    product::Product,
    quantity::Quantity,
    sku::Sku,
    tax::{Buyer, Region},
    text::ProductName,
};
use daybook_migrations::Features;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    priced::{self, PlaceLine},
    tax,
};
use crate::{
    Context, Settings,
    error::Failure,
    state::Wanted,
    use_case::{Means, Outcome, Request, UseCase},
    work::{Halt, Work},
};

/// An order of which one only wants to know what it would come to.
#[derive(Clone, Serialize)]
pub struct AskQuoteRequest {
    /// 1 to [`MAX_LINES`](daybook_domain::order::MAX_LINES), none with a price of its own.
    pub lines: Vec<PlaceLine>,
    pub currency: Currency,
    /// Where it would be sent; `None`: it is sold at home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Buyer>,
}

/// Refused like an order that is placed, but for its stock, which isn't looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AskQuote {
    pub lines: Vec<PlaceLine>,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<Sale>,
    pub asked: Asked,
    pub expires_at: DateTime<Utc>,
}

/// What the order would come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuoteOutcome {
    /// The text of a [`Quote`].
    pub quote: String,
    pub expires_at: DateTime<Utc>,
    pub lines: Vec<QuotedLine>,
    pub total: Money,
    /// `None`: the taxes aren't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotedLine {
    pub sku: Sku,
    pub name: ProductName,
    pub quantity: Quantity,
    pub unit_price: Price,
    pub total: Money,
}

impl Outcome for QuoteOutcome {
    fn id(&self) -> String {
        self.quote.clone()
    }

    fn version(&self) -> i64 {
        0
    }
}

impl Request for AskQuoteRequest {
    type UseCase = AskQuote;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        vec![]
    }

    async fn prepare(
        self,
        context: &Context,
        settings: &Settings,
        features: &Features,
        _: &impl Means,
    ) -> Result<AskQuote, Failure> {
        let Self { lines, currency, country, region, buyer } = self;
        let sale = tax::sale(country, region, buyer.as_ref(), context, settings, features);
        let asked = asked(&lines, currency, sale.as_ref());
        let expires_at = (context.now + QUOTE_LIFETIME).trunc_subsecs(0);
        Ok(AskQuote { lines, currency, sale, asked, expires_at })
    }
}

/// What an order asks for, as far as its total depends on it.
pub(super) fn asked(lines: &[PlaceLine], currency: Currency, sale: Option<&Sale>) -> Asked {
    let place = sale.map(|sale| {
        let circumstances = &sale.circumstances;
        (&circumstances.country, &circumstances.region, circumstances.buyer, &sale.supply)
    });
    let text =
        serde_json::to_vec(&(lines, currency.code(), place)).expect("it serializes: string keys, no floats");
    let digest = Sha256::digest(text);
    *digest.first_chunk().expect("32 bytes")
}

impl UseCase for AskQuote {
    const NAME: &'static str = "quote.ask";
    const ACTION: Action = Action::AskQuote;
    const HAS_VERSION: bool = false;
    const REFUSALS: &'static [Code] = &priced::REFUSALS;
    type Outcome = QuoteOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<QuoteOutcome, Halt> {
        check_line_count(self.lines.len()).map_err(|rejection| work.refused(&rejection).at("/lines"))?;
        let products = self.lines.iter().map(|line| Wanted::of::<Product>(line.sku.as_str()));
        work.need(products.chain(self.sale.iter().flat_map(tax::wanted)))?;
        let lines = priced::lines(&self.lines, self.currency, context.now, work)?;
        let (lines, terms) = tax::terms(lines, self.sale.as_ref(), work)?;
        let total = to_pay(&lines, terms.as_ref(), self.currency)
            .map_err(|rejection| work.refused(&rejection).at("/lines"))?;
        let quote = Quote { asked: self.asked, total: total.amount, expires_at: self.expires_at };
        let lines = lines.into_iter().map(|line| {
            // The total of all was summed of these.
            let total = line.total().unwrap_or(Money::new(i64::MAX, self.currency));
            QuotedLine {
                sku: line.sku,
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                total,
            }
        });
        Ok(QuoteOutcome {
            quote: quote.to_string(),
            expires_at: self.expires_at,
            lines: lines.collect(),
            total,
            terms,
        })
    }
}
