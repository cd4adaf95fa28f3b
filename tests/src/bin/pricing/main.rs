//! Prices the orders that it reads, and prints what each comes to: a line of JSON in, a line of JSON out. So a program
//! in another language can calculate the same, and compare.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Write, stdin, stdout},
};

use chrono::NaiveDate;
use daybook_domain::{
    money::{Currency, Money, Price, Rate},
    pricing::{Circumstances, FeeKind, Kept, Mode, Terms, UntaxedFee, UntaxedLine},
    quantity::Quantity,
    tax::{BuyerKind, TaxClass, TaxReason, Treatment},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    mode: Mode,
    lines: Vec<Line>,
    fees: Vec<Fee>,
    /// How each class is taxed: a number of per cent, and the reason.
    taxes: BTreeMap<TaxClass, (String, TaxReason)>,
    /// What is kept of each line, and whether the fees are: the value of that is printed, too.
    kept: Vec<(Vec<i64>, bool)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    unit_price: i64,
    quantity: Quantity,
    discount: u64,
    class: TaxClass,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fee {
    price: i64,
    class: TaxClass,
}

fn main() {
    let mut out = BufWriter::new(stdout().lock());
    for line in stdin().lines() {
        let asked: Asked = serde_json::from_str(&line.expect("a line of text")).expect("an order");
        writeln!(out, "{}", answer(&asked)).expect("it is read");
    }
    out.flush().expect("it is read");
}

fn answer(asked: &Asked) -> Value {
    let lines: Vec<UntaxedLine<'_>> = asked
        .lines
        .iter()
        .map(|Line { unit_price, quantity, discount, class }| UntaxedLine {
            unit_price: price(*unit_price),
            quantity: *quantity,
            discount: *discount,
            class,
        })
        .collect();
    let fees = asked.fees.iter().map(|fee| UntaxedFee {
        kind: FeeKind::Shipping,
        name: "Shipping".parse().expect("a name"),
        price: price(fee.price),
        class: &fee.class,
    });
    let treatment = |class: &TaxClass| {
        let (rate, reason) = asked.taxes.get(class)?;
        let rate: Rate = rate.parse().expect("a rate");
        Some(Treatment::new(rate, Some(*reason)).expect("a rate with a reason of its kind"))
    };
    match Terms::calculate(circumstances(asked.mode), &lines, fees.collect(), treatment) {
        Ok(terms) => json!({"terms": terms, "values": values(asked, &terms)}),
        Err(refused) => json!({"refused": refused.to_string()}),
    }
}

fn price(amount: i64) -> Price {
    Money::new(amount, Currency::EUR).try_into().expect("a price")
}

/// What the amounts don't follow from.
fn circumstances(mode: Mode) -> Circumstances {
    Circumstances {
        mode,
        tax_date: NaiveDate::default(),
        country: "DE".to_owned().try_into().expect("a country"),
        region: None,
        taxed_in: None,
        buyer: BuyerKind::Consumer,
        vat_id_state: None,
    }
}

/// For each thing that is kept, the net amount and the tax of each group.
fn values(asked: &Asked, terms: &Terms) -> Vec<Vec<(i64, i64)>> {
    let values = asked.kept.iter().map(|(pieces, fees)| {
        let lines = asked.lines.iter().zip(pieces);
        let kept: Vec<Kept> =
            lines.map(|(line, pieces)| Kept { pieces: *pieces, ordered: line.quantity }).collect();
        terms.value_of(&kept, *fees).groups
    });
    values.map(|groups| groups.into_iter().map(|amounts| (amounts.net, amounts.tax)).collect()).collect()
}
