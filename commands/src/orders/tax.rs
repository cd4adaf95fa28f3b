//! What the taxes of an order follow from, and its terms.

use daybook_domain::{
    contact::{Address, Country},
    feature::Feature,
    order::Line,
    pricing::{Sale, Terms, Unpriced, UntaxedLine},
    tax::{Buyer, BuyerKind, Rates, Region},
};
use daybook_migrations::Features;

use super::priced::Priced;
use crate::{
    Context, Settings,
    state::Wanted,
    work::{Halt, Work},
};

/// A sale of today, or `None` if this shop's taxes aren't known. What is sent nowhere is sold at home, and without a word
/// a buyer is a consumer.
pub(super) fn sale(
    country: Option<Country>,
    region: Option<Region>,
    buyer: Option<&Buyer>,
    context: &Context,
    settings: &Settings,
    features: &Features,
) -> Option<Sale> {
    let rules = settings.tax.rules().filter(|_| features.has(Feature::Tax))?;
    let consumer = Buyer { kind: BuyerKind::Consumer, company: None, vat_id: None };
    let country = country.unwrap_or_else(|| rules.home.clone());
    let today = context.now.date_naive();
    Some(Sale::new(&rules, settings.tax.prices, today, country, region, buyer.unwrap_or(&consumer)))
}

/// Where an address is for taxes. A region that has no code counts as none.
pub(super) fn place_of(address: Option<&Address>) -> (Option<Country>, Option<Region>) {
    let region = address.and_then(|address| address.region.as_ref()?.as_str().parse().ok());
    (address.map(|address| address.country.clone()), region)
}

/// The stream that its taxes depend on, if they depend on any.
pub(super) fn wanted(sale: &Sale) -> Option<Wanted> {
    sale.taxing().map(|country| Wanted::of::<Rates>(country.as_str()))
}

/// The lines, and what they come to with their taxes.
pub(super) fn terms(
    lines: Vec<Priced>,
    sale: Option<&Sale>,
    work: &mut Work<'_>,
) -> Result<(Vec<Line>, Option<Terms>), Halt> {
    let terms = match sale {
        None => None,
        Some(sale) => {
            let rates = sale.taxing().map(|country| work.state::<Rates>(country.as_str())).transpose()?;
            let untaxed: Vec<UntaxedLine<'_>> = lines.iter().map(untaxed).collect();
            let terms = sale.terms(&untaxed, rates.as_deref().unwrap_or(&Rates::default()));
            Some(terms.map_err(|unpriced| {
                let refused = work.refused(&unpriced);
                match &unpriced {
                    Unpriced::TaxUnknown { class } => {
                        let line = lines.iter().position(|line| line.class() == class).unwrap_or(0);
                        refused.at(format!("/lines/{line}"))
                    }
                    Unpriced::MixedCurrencies | Unpriced::TotalOutOfRange => refused.at("/lines"),
                }
            })?)
        }
    };
    Ok((lines.into_iter().map(|priced| priced.line).collect(), terms))
}

fn untaxed(priced: &Priced) -> UntaxedLine<'_> {
    let Line { unit_price, quantity, .. } = priced.line;
    UntaxedLine { unit_price, quantity, discount: 0, class: priced.class() }
}
