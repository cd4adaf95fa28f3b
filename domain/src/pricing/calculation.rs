//! What an order comes to, in the order in which that is calculated: lines, discounts, fees, taxes, and the lines'
//! shares of them. Quotes and orders are calculated by this alone.

use std::collections::BTreeMap;

use super::terms::{Amounts, Circumstances, FeeKind, FeeName, FeeTerms, Group, LineTerms, Mode, Terms};
use crate::{
    money::{Price, share},
    quantity::Quantity,
    tax::{TaxClass, Treatment},
};

/// A line whose price is known.
#[derive(Debug, Clone, Copy)]
pub struct UntaxedLine<'a> {
    pub unit_price: Price,
    pub quantity: Quantity,
    /// What is taken off, in minor units; at most what the line costs.
    pub discount: u64,
    pub class: &'a TaxClass,
}

/// What is paid beside the lines.
#[derive(Debug, Clone)]
pub struct UntaxedFee<'a> {
    pub kind: FeeKind,
    pub name: FeeName,
    pub price: Price,
    pub class: &'a TaxClass,
}

/// Why there are no terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    #[error("it is not known how {class} is taxed where this order is")]
    TaxUnknown { class: TaxClass },
    #[error("all of an order has its currency")]
    MixedCurrencies,
    #[error("the total is larger than can be counted")]
    TotalOutOfRange,
}

impl Terms {
    /// Calculates all amounts. `treatment` says how a class is taxed, and is asked once for each; `None` means that it
    /// isn't known.
    pub fn calculate(
        circumstances: Circumstances,
        lines: &[UntaxedLine<'_>],
        fees: Vec<UntaxedFee<'_>>,
        treatment: impl Fn(&TaxClass) -> Option<Treatment>,
    ) -> Result<Self, Unpriced> {
        let prices = lines.iter().map(|line| line.unit_price).chain(fees.iter().map(|fee| fee.price));
        let mut currencies = prices.map(Price::currency);
        if currencies.next().is_some_and(|first| currencies.any(|currency| currency != first)) {
            return Err(Unpriced::MixedCurrencies);
        }
        let goods = sum(lines.iter().map(UntaxedLine::amount))?;
        let discount = sum(lines.iter().map(UntaxedLine::taken_off))?;

        let of_lines = lines.iter().map(|line| (line.class, line.amount() - line.taken_off()));
        let of_fees = fees.iter().map(|fee| (fee.class, fee.price.amount()));
        let (groups, parts) = taxed(of_lines.chain(of_fees), treatment, circumstances.mode)?;
        let tax = sum(groups.iter().map(|group| group.tax))?;
        let total = sum(parts.iter().map(|part| part.pay))?;

        let (of_lines, of_fees) = parts.split_at(lines.len());
        let lines = lines.iter().zip(of_lines).map(|(line, part)| {
            let Part { group, pay, tax, .. } = *part;
            LineTerms { group, discount: line.taken_off(), pay, tax }
        });
        let fees = fees.into_iter().zip(of_fees).map(|(UntaxedFee { kind, name, .. }, part)| {
            let Part { group, pay, tax, .. } = *part;
            FeeTerms { kind, name, group, pay, tax }
        });
        let (lines, fees) = (lines.collect(), fees.collect());
        Ok(Self { circumstances, groups, lines, fees, goods, discount, tax, total })
    }
}

impl UntaxedLine<'_> {
    /// Quantity × unit price. It fits: both are bounded.
    fn amount(&self) -> i64 {
        self.unit_price.amount() * self.quantity.get()
    }

    /// The discount, as far as it doesn't make the line negative.
    fn taken_off(&self) -> i64 {
        i64::try_from(self.discount).map_or(self.amount(), |discount| discount.min(self.amount()))
    }
}

/// A line or a fee.
struct Part {
    group: usize,
    /// What is left of it after a discount.
    price: i64,
    tax: i64,
    pay: i64,
}

/// Puts what is taxed alike into groups, taxes each of them, and gives its parts their shares of the tax.
fn taxed<'a>(
    prices: impl Iterator<Item = (&'a TaxClass, i64)>,
    treatment: impl Fn(&TaxClass) -> Option<Treatment>,
    mode: Mode,
) -> Result<(Vec<Group>, Vec<Part>), Unpriced> {
    let mut groups: Vec<Group> = Vec::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut group_of: BTreeMap<&TaxClass, usize> = BTreeMap::new();
    let mut parts: Vec<Part> = Vec::with_capacity(prices.size_hint().0);
    for (index, (class, price)) in prices.enumerate() {
        let group = match group_of.get(class) {
            Some(group) => *group,
            None => {
                let unknown = || Unpriced::TaxUnknown { class: class.clone() };
                let treatment = treatment(class).ok_or_else(unknown)?;
                let group = groups.iter().position(|group| group.treatment == treatment);
                let group = group.unwrap_or_else(|| {
                    groups.push(Group { class: class.clone(), treatment, base: 0, tax: 0 });
                    members.push(Vec::new());
                    groups.len() - 1
                });
                group_of.insert(class, group);
                group
            }
        };
        members[group].push(index);
        parts.push(Part { group, price, tax: 0, pay: 0 });
    }
    for (group, members) in groups.iter_mut().zip(members) {
        let prices: Vec<i64> = members.iter().map(|index| parts[*index].price).collect();
        let Amounts { net, tax } = mode.taxed(sum(prices.iter().copied())?, group.treatment.rate());
        (group.base, group.tax) = (net, tax);
        for (index, tax) in members.into_iter().zip(share(tax, &prices)) {
            let part = &mut parts[index];
            (part.tax, part.pay) = (tax, mode.pay(part.price, tax));
        }
    }
    Ok((groups, parts))
}

fn sum(mut amounts: impl Iterator<Item = i64>) -> Result<i64, Unpriced> {
    amounts.try_fold(0_i64, i64::checked_add).ok_or(Unpriced::TotalOutOfRange)
}
