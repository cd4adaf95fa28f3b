//! Placing an order: every line priced, the stock of all held, all or nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use daybook_domain::{
    Code, code::GeneralCode, order::OrderCode, pricing::PricingCode, pricing::QuoteCode,
    product::ProductCode, stock::StockCode, tax::TaxCode,
};
use daybook_domain::{
    contact::{Address, Contact},
    feature::Feature,
    ids::OrderId,
    money::Currency,
    order::{Command, Line, Order, Place, check_line_count, check_override_reason, pieces_by_sku, to_pay},
    policy::{Action, Actor, Demand},
    pricing::{Quote, QuoteRefused, Sale, Terms, check_quoted},
    product::Product,
    sealed::{Note, Person, Sealed},
    sku::Sku,
    stock::{self, Stock},
    tax::Buyer,
    text::{CustomerId, ExternalId, Metadata, Reason},
};
use daybook_migrations::Features;
use serde::{Deserialize, Serialize};

use super::{
    OrderOutcome,
    claim::Claim,
    note, outcome,
    priced::{self, PlaceLine},
    quote, tax,
};
use crate::{
    Context, Settings,
    error::Failure,
    state::Wanted,
    use_case::{Means, Request, UseCase},
    work::{Halt, Work},
};

/// An order as a caller asks for it.
#[derive(Clone, Serialize)]
pub struct PlaceOrderRequest {
    /// 1 to [`MAX_LINES`](daybook_domain::order::MAX_LINES).
    pub lines: Vec<PlaceLine>,
    pub currency: Currency,
    /// The customer who owns the order, if it is not the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Address>,
    /// Who buys, as far as taxes ask for it; `None`: a consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Buyer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// Why prices differ from the catalogue's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Reason>,
    /// What it was said to come to: it is not placed if it comes to more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

/// An order that has its id, and nothing personal in clear.
///
/// Refused with `product_not_found`, `price_not_available` (in that currency), `insufficient_stock`,
/// `total_out_of_range`, `currency_mismatch`, `tax_unknown`, `quote_changed`, `quote_invalid`, or `already_exists` for a taken
/// external id. Who may read products that are not published is told `product_not_published` or `product_archived` of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceOrder {
    pub id: OrderId,
    pub lines: Vec<PlaceLine>,
    pub currency: Currency,
    /// The customer who owns the order; `None` if it is a guest's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Note<Reason>>,
    /// Until when its stock is held for it; `None`: until it is confirmed or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<DateTime<Utc>>,
    /// What its taxes follow from; `None`: they aren't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<Sale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Sealed>,
    /// The quote that it was asked for with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
}

/// What an order must not be more than.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quoted {
    /// In minor units.
    At(i64),
    /// The quote is none of this order.
    Invalid,
}

impl Request for PlaceOrderRequest {
    type UseCase = PlaceOrder;

    fn demands(&self, actor: &Actor) -> Vec<Demand> {
        demands(actor, self.owner(actor).as_ref(), &self.lines)
    }

    async fn prepare(
        self,
        context: &Context,
        settings: &Settings,
        features: &Features,
        means: &impl Means,
    ) -> Result<PlaceOrder, Failure> {
        let id = OrderId::new(means.new_id());
        let customer = self.owner(&context.actor);
        let person =
            customer.as_ref().map_or(Person::Order(id), |customer| Person::Customer(customer.as_str()));
        let contact = seal(means, &person, self.contact.as_ref()).await?;
        let ship_to = seal(means, &person, self.ship_to.as_ref()).await?;
        let override_reason = note::of(&person, self.override_reason, features, means).await?;
        let (country, region) = tax::place_of(self.ship_to.as_ref());
        let sale = tax::sale(country, region, self.buyer.as_ref(), context, settings, features);
        let quoted = self.quote.as_ref().map(|text| {
            let asked = quote::asked(&self.lines, self.currency, sale.as_ref());
            let quote = text.parse::<Quote>().ok();
            quote.and_then(|quote| quote.holds(asked, context.now)).map_or(Quoted::Invalid, Quoted::At)
        });
        let buyer = seal(means, &person, self.buyer.as_ref()).await?;
        let hold_ttl = settings.hold_ttl.filter(|_| features.has(Feature::ExpireOrders));
        let Self { lines, currency, external_id, metadata, .. } = self;
        Ok(PlaceOrder {
            id,
            lines,
            currency,
            customer,
            contact,
            ship_to,
            external_id,
            metadata,
            override_reason,
            pay_until: hold_ttl.map(|ttl| (context.now + ttl.get()).trunc_subsecs(0)),
            sale,
            buyer,
            quoted,
        })
    }
}

impl PlaceOrderRequest {
    /// The named customer, else the caller if they are a customer, else `None`: then it is a guest's order.
    fn owner(&self, actor: &Actor) -> Option<CustomerId> {
        match &self.customer {
            Some(customer) => Some(customer.clone()),
            None if actor.rules.holds_own(Action::PlaceOrder) => actor.subject.parse().ok(),
            None => None,
        }
    }
}

async fn seal(
    means: &impl Means,
    person: &Person<'_>,
    data: Option<&(impl Serialize + Sync)>,
) -> Result<Option<Sealed>, Failure> {
    match data {
        Some(data) => means.seal(person, data).await.map(Some),
        None => Ok(None),
    }
}

fn demands(actor: &Actor, owner: Option<&CustomerId>, lines: &[PlaceLine]) -> Vec<Demand> {
    let owner = owner.map(CustomerId::as_str);
    let demand = |action, owner: Option<&str>| Demand { action, owner: owner.map(str::to_owned) };
    let is_own = owner == Some(&actor.subject);
    let for_other = (!is_own).then(|| demand(Action::PlaceOrderForOther, None));
    let override_price = brings_prices(lines).then(|| demand(Action::OverridePrice, None));
    let place = demand(Action::PlaceOrder, owner);
    for_other.into_iter().chain(override_price).chain([place]).collect()
}

fn brings_prices(lines: &[PlaceLine]) -> bool {
    lines.iter().any(|line| line.unit_price.is_some())
}

impl UseCase for PlaceOrder {
    const NAME: &'static str = "order.place";
    const ACTION: Action = Action::PlaceOrder;
    const NEEDS_KEY: bool = true;
    const CREATES: bool = true;
    const REFUSALS: &'static [Code] = &[
        GeneralCode::AlreadyExists.code(),
        StockCode::Insufficient.code(),
        PricingCode::NotFound.code(),
        PricingCode::NotPublished.code(),
        ProductCode::Archived.code(),
        PricingCode::NoPrice.code(),
        OrderCode::CurrencyMismatch.code(),
        OrderCode::TotalOutOfRange.code(),
        TaxCode::Unknown.code(),
        QuoteCode::Changed.code(),
        QuoteCode::Invalid.code(),
    ];
    type Outcome = OrderOutcome;

    fn demands(&self, actor: &Actor) -> Vec<Demand> {
        demands(actor, self.customer.as_ref(), &self.lines)
    }

    fn guest(&self) -> Option<OrderId> {
        let note = self.override_reason.as_ref().and_then(Note::sealed);
        let sealed = [&self.contact, &self.ship_to, &self.buyer];
        let is_sealed = sealed.into_iter().any(Option::is_some) || note.is_some();
        (self.customer.is_none() && is_sealed).then_some(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        check_line_count(self.lines.len()).map_err(|rejection| work.refused(&rejection).at("/lines"))?;
        check_override_reason(brings_prices(&self.lines), self.override_reason.is_some())
            .map_err(|rejection| work.refused(&rejection).at("/override_reason"))?;
        let id = self.id.to_string();
        let pieces = pieces_by_sku(self.lines.iter().map(|line| (&line.sku, line.quantity.get())));
        let claim = self.external_id.as_ref().map(|id| Claim::of(self.customer.as_ref(), id, &context.actor));
        let skus = pieces.keys().map(Sku::as_str);
        work.need(
            skus.flat_map(|sku| [Wanted::of::<Product>(sku), Wanted::of::<Stock>(sku)])
                .chain(claim.iter().flat_map(Claim::wanted))
                .chain(self.sale.iter().flat_map(tax::wanted)),
        )?;
        work.begin::<Order>(&id);

        // First: an order that is there already is refused as such, not for want of stock.
        if let Some(claim) = claim {
            claim.take(&id, work)?;
        }
        let lines = priced::lines(&self.lines, self.currency, context.now, work)?;
        let (lines, terms) = tax::terms(lines, self.sale.as_ref(), work)?;
        self.check_quote(&lines, terms.as_ref(), work)?;
        self.hold(work, &pieces)?;
        let command = Place {
            customer: self.customer.clone(),
            lines,
            currency: self.currency,
            override_reason: self.override_reason.clone(),
            contact: self.contact.clone(),
            ship_to: self.ship_to.clone(),
            external_id: self.external_id.clone(),
            metadata: self.metadata.clone(),
            pay_until: self.pay_until,
            terms,
            buyer: self.buyer.clone(),
        };
        work.execute::<Order>(&id, Command::Place(Box::new(command)))?;
        outcome(work, self.id, &id)
    }
}

impl PlaceOrder {
    fn check_quote(&self, lines: &[Line], terms: Option<&Terms>, work: &Work<'_>) -> Result<(), Halt> {
        let refused = match self.quoted {
            None => return Ok(()),
            Some(Quoted::Invalid) => Err(QuoteRefused::Invalid),
            Some(Quoted::At(quoted)) => {
                let now = to_pay(lines, terms, self.currency)
                    .map_err(|rejection| work.refused(&rejection).at("/lines"))?;
                check_quoted(now.amount, quoted, self.currency)
            }
        };
        refused.map_err(|refused| work.refused(&refused).at("/quote").into())
    }

    /// Holds the stock of every SKU, or refuses and says which one is short.
    fn hold(&self, work: &mut Work<'_>, pieces: &BTreeMap<Sku, i64>) -> Result<(), Halt> {
        for (sku, &quantity) in pieces {
            let hold = stock::Command::Hold { order: self.id, quantity };
            if let Err(rejection) = work.try_execute::<Stock>(sku.as_str(), hold)? {
                let line = self.lines.iter().position(|line| line.sku == *sku).unwrap_or(0);
                return Err(work.refused(&rejection).about(sku).at(format!("/lines/{line}")).into());
            }
        }
        Ok(())
    }
}
