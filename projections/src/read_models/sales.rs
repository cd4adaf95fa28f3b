//! Sales by day, product and currency: a tally over orders.
//!
//! An order counts on the UTC day on which it was placed, and stays there: a cancellation lowers nothing, it
//! shows in the sums of what was cancelled of that day. What was sold and kept is the difference.
//!
//! Each order contributes to each of its products, and once to the day as a whole, where the product is empty.
//! Orders of two products count once there, so sums without products aren't added up from those with them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::{
    Decider, Record,
    money::Currency,
    order::{Event, Line, Order, Parcel, Placement},
    sku::Sku,
    stored::Unreadable,
    words,
};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

use super::{Column, Groups, Key, ReadModel, Sums, Tally};
use crate::cursor::{BadCursor, Cursor};

pub struct Sales;

/// What one order sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The UTC day on which it was placed.
    pub day: NaiveDate,
    pub currency: Currency,
    /// What was ordered of each product.
    pub products: BTreeMap<Sku, Sold>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// What was cancelled of each product, apart from the rest of the order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cancelled_products: BTreeMap<Sku, Sold>,
    /// The price of a piece on each line, in minor units; left out where the products tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unit_prices: Vec<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    pub pieces: i64,
    /// The amount in minor units.
    pub amount: i128,
}

words! {
    /// What sales can be told apart by.
    pub enum Dimension {
        Day = "day",
        Product = "product",
        Currency = "currency",
    }
}

/// A page of sales, added up by some dimensions and ordered by them.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The dimensions in their order, each once.
    by: Vec<Dimension>,
    /// 1–1,000.
    limit: u16,
    /// The place of the last group of the page before, a part for each dimension.
    after: Option<Vec<String>>,
}

/// Sums of the sales that have the same day, product and currency, as far as these are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Group {
    pub day: Option<NaiveDate>,
    pub product: Option<Sku>,
    /// Currency of the amounts. `None` if there are several, because amounts of several currencies can't be added.
    pub currency: Option<Currency>,
    pub sold: Figures,
    pub cancelled: Figures,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Figures {
    pub orders: i128,
    pub pieces: i128,
    /// The amount in minor units; `None` without a currency.
    pub amount: Option<i128>,
}

impl ReadModel for Sales {
    const NAME: &'static str = "sales";
    const KIND: &'static str = Order::KIND;
    const COLUMNS: &'static [Column] = &[];
    const INDEXES: &'static [&'static str] = &[];
    type Row = Row;

    fn fold(row: Option<Row>, record: &Record) -> Result<Option<Row>, Unreadable> {
        let event: Event = record.decode()?;
        Ok(match event {
            Event::Placed(placement) => Some(placed(&placement, record)),
            Event::Cancelled { .. } => row.map(|row| Row { cancelled: true, ..row }),
            Event::LinesCancelled { parcels, .. } => row.map(|row| row.without(&parcels)),
            Event::Confirmed {} | Event::Shipped { .. } | Event::Delivered {} | Event::Claimed { .. } => row,
        })
    }

    fn columns(_: &Row) -> Vec<Option<String>> {
        vec![]
    }
}

impl Tally for Sales {
    const KEYS: &'static [&'static str] = &["day", "product", "currency"];
    const SUMS: &'static [&'static str] =
        &["orders", "pieces", "amount", "cancelled_orders", "cancelled_pieces", "cancelled_amount"];

    fn contribute(row: &Row) -> Vec<(Key, Sums)> {
        let key = |product: &str| vec![day(row.day), product.to_owned(), row.currency.code().to_owned()];
        let sums = |sold: Sold, cancelled: Sold| {
            let sold = [1, sold.pieces.into(), sold.amount];
            // An order counts as cancelled if all of it is.
            let cancelled = if row.cancelled { sold } else { [0, cancelled.pieces.into(), cancelled.amount] };
            [sold, cancelled].concat()
        };
        let all = |sold: &BTreeMap<Sku, Sold>| {
            sold.values().fold(Sold::default(), |sum, sold| Sold {
                pieces: sum.pieces + sold.pieces,
                amount: sum.amount + sold.amount,
            })
        };
        let whole = (key(""), sums(all(&row.products), all(&row.cancelled_products)));
        let of_products = row.products.iter().map(|(sku, sold)| {
            let cancelled = row.cancelled_products.get(sku).copied().unwrap_or_default();
            (key(sku.as_str()), sums(*sold, cancelled))
        });
        std::iter::once(whole).chain(of_products).collect()
    }
}

fn placed(placement: &Placement, record: &Record) -> Row {
    let mut products: BTreeMap<Sku, Sold> = BTreeMap::new();
    for line in &placement.lines {
        let sold = products.entry(line.sku.clone()).or_default();
        sold.pieces += line.quantity.get();
        sold.amount += i128::from(line.unit_price.amount()) * i128::from(line.quantity.get());
    }
    let unit_prices: Vec<i64> = placement.lines.iter().map(|line| line.unit_price.amount()).collect();
    // Only where a product stands on lines with other prices, its pieces and its amount don't tell what one costs.
    let is_told = |(line, price): (&Line, &i64)| products[&line.sku].unit_price() == Some(i128::from(*price));
    let all_are_told = placement.lines.iter().zip(&unit_prices).all(is_told);
    Row {
        day: record.recorded_at.date_naive(),
        currency: placement.currency,
        products,
        cancelled: false,
        cancelled_products: BTreeMap::new(),
        unit_prices: if all_are_told { vec![] } else { unit_prices },
    }
}

impl Sold {
    /// What a piece costs, if all cost the same.
    fn unit_price(self) -> Option<i128> {
        let pieces = i128::from(self.pieces);
        (pieces > 0 && self.amount % pieces == 0).then(|| self.amount / pieces)
    }
}

impl Row {
    fn without(mut self, parcels: &[Parcel]) -> Self {
        for parcel in parcels {
            let by_line = self.unit_prices.get(parcel.line).map(|price| i128::from(*price));
            let by_product = || self.products.get(&parcel.sku).and_then(|sold| sold.unit_price());
            let price = by_line.or_else(by_product).unwrap_or_default();
            let cancelled = self.cancelled_products.entry(parcel.sku.clone()).or_default();
            cancelled.pieces += parcel.quantity;
            cancelled.amount += price * i128::from(parcel.quantity);
        }
        self
    }
}

/// The day as it is a part of a key: days sort as their texts do.
fn day(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

impl Filter {
    /// `by`: in any order, and however often.
    pub fn new(
        (from, to): (NaiveDate, NaiveDate),
        by: &[Dimension],
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Self, BadCursor> {
        let by: Vec<Dimension> =
            Dimension::ALL.into_iter().filter(|dimension| by.contains(dimension)).collect();
        let place = |cursor: &Cursor| {
            let parts: Vec<String> = cursor.key().split('/').map(str::to_owned).collect();
            if parts.len() == by.len() { Ok(parts) } else { Err(BadCursor) }
        };
        let after = after.map(place).transpose()?;
        Ok(Self { from, to, by, limit, after })
    }
}

impl Groups for Filter {
    type Model = Sales;
    type Group = Group;

    fn limit(&self) -> u16 {
        self.limit
    }

    fn select(&self, query: &mut QueryBuilder<'_, Postgres>, table: &str) {
        let by: Vec<&str> = self.by.iter().map(|dimension| dimension.as_str()).collect();
        let by = by.join(", ");
        let is_by = |dimension| self.by.contains(&dimension);
        let shown = |dimension: Dimension| if is_by(dimension) { dimension.as_str() } else { "NULL" };
        let one_currency = |value: &str| format!("CASE WHEN min(currency) = max(currency) THEN {value} END");
        let figures = |prefix: &str| {
            format!(
                "json_build_object('orders', sum({prefix}orders), 'pieces', sum({prefix}pieces), 'amount', {})",
                one_currency(&format!("sum({prefix}amount)"))
            )
        };
        query.push(format!(
            "SELECT json_build_object('day', {}, 'product', {}, 'currency', {}, 'sold', {}, 'cancelled', {}) AS doc,
                    row_number() OVER (ORDER BY {}) AS number
               FROM {table} WHERE product {} '' AND day >= ",
            shown(Dimension::Day),
            shown(Dimension::Product),
            one_currency("min(currency)"),
            figures(""),
            figures("cancelled_"),
            if by.is_empty() { "1" } else { &by },
            if is_by(Dimension::Product) { "<>" } else { "=" },
        ));
        query.push_bind(day(self.from)).push(" AND day <= ").push_bind(day(self.to));
        if let Some(after) = &self.after {
            query.push(format!(" AND ({by}) > ("));
            let mut parts = query.separated(", ");
            for part in after {
                parts.push_bind(part.clone());
            }
            query.push(")");
        }
        // All of it is one group, if there is anything.
        query.push(format!(" GROUP BY {} HAVING count(*) > 0", if by.is_empty() { "()" } else { &by }));
    }

    fn key(&self, group: &Group) -> String {
        let part = |dimension: &Dimension| match dimension {
            Dimension::Day => group.day.map(day),
            Dimension::Product => group.product.as_ref().map(Sku::to_string),
            Dimension::Currency => group.currency.map(|currency| currency.code().to_owned()),
        };
        self.by.iter().map(|dimension| part(dimension).unwrap_or_default()).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::{
        money::{Money, Price},
        order::{self, Parcel},
        text::Metadata,
    };

    use super::*;
    use crate::read_models::testing::given;

    fn price(amount: i64) -> Price {
        Money::new(amount, Currency::EUR).try_into().expect("in range")
    }

    fn line(sku: &str, quantity: i64, amount: i64) -> order::Line {
        order::Line {
            sku: sku.parse().expect("a SKU"),
            name: "A thing".parse().expect("a name"),
            quantity: quantity.try_into().expect("in range"),
            unit_price: price(amount),
            list_price: None,
        }
    }

    /// Its total is not asked for here.
    fn order_of(lines: Vec<order::Line>) -> Event {
        Event::Placed(Box::new(Placement {
            customer: None,
            lines,
            currency: Currency::EUR,
            total: Money::new(0, Currency::EUR),
            override_reason: None,
            sealed_override_reason: None,
            contact: None,
            ship_to: None,
            external_id: None,
            metadata: Metadata::default(),
            pay_until: None,
            terms: None,
            buyer: None,
        }))
    }

    fn two_products() -> Event {
        order_of(vec![line("TEA", 2, 500), line("CUP", 1, 300), line("TEA", 3, 500)])
    }

    fn contributions(events: impl IntoIterator<Item = Event>) -> Vec<(String, Vec<i128>)> {
        let row = given::<Sales, _>("ord_1", events).row();
        Sales::contribute(&row).into_iter().map(|(key, sums)| (key.join("/"), sums)).collect()
    }

    #[test]
    fn an_order_counts_once_for_its_day_and_once_for_each_of_its_products() {
        let expected = [
            ("1970-01-01//EUR", vec![1, 6, 2800, 0, 0, 0]),
            ("1970-01-01/CUP/EUR", vec![1, 1, 300, 0, 0, 0]),
            ("1970-01-01/TEA/EUR", vec![1, 5, 2500, 0, 0, 0]),
        ]
        .map(|(key, sums)| (key.to_owned(), sums));
        assert_eq!(contributions([two_products()]), expected);
        let shipped = Event::Shipped {
            parcels: vec![Parcel { line: 0, sku: "TEA".parse().expect("a SKU"), quantity: 1 }],
            tracking: None,
            sealed_tracking: None,
            complete: false,
        };
        assert_eq!(contributions([two_products(), Event::Confirmed {}, shipped]), expected);
    }

    #[test]
    fn a_cancellation_lowers_nothing_and_shows_on_the_day_of_placing() {
        let expected = [
            ("1970-01-01//EUR", vec![1, 6, 2800, 1, 6, 2800]),
            ("1970-01-01/CUP/EUR", vec![1, 1, 300, 1, 1, 300]),
            ("1970-01-01/TEA/EUR", vec![1, 5, 2500, 1, 5, 2500]),
        ]
        .map(|(key, sums)| (key.to_owned(), sums));
        assert_eq!(
            contributions([
                two_products(),
                Event::Cancelled { cause: None, reason: None, sealed_reason: None }
            ]),
            expected
        );
    }

    #[test]
    fn amounts_have_no_limit() {
        let most = || line("TEA", 100_000, daybook_domain::money::MAX_PRICE_MINOR);
        let all = contributions([order_of((0..1_000).map(|_| most()).collect())]);
        assert_eq!(all[0].1[2], 100_000_000_000_000_000_000);
    }

    #[test]
    fn an_order_that_was_never_placed_sells_nothing() {
        given::<Sales, _>("ord_1", [Event::Cancelled { cause: None, reason: None, sealed_reason: None }])
            .nothing();
    }

    #[test]
    fn a_cursor_of_another_grouping_is_refused() {
        let days = (NaiveDate::default(), NaiveDate::default());
        let of = |by: &[Dimension]| Filter::new(days, by, 1, Some(&Cursor::beside("1970-01-01/TEA")));
        assert!(of(&[Dimension::Product, Dimension::Day]).is_ok());
        assert!(of(&[Dimension::Day]).is_err() && of(&Dimension::ALL).is_err() && of(&[]).is_err());
    }

    /// Catches: an average price, where a product is on two lines with two prices.
    #[test]
    fn pieces_that_are_cancelled_show_at_the_price_of_their_line() {
        let cut = |line, sku: &str, quantity| Event::LinesCancelled {
            parcels: vec![Parcel { line, sku: sku.parse().expect("a SKU"), quantity }],
            reason: None,
            sealed_reason: None,
        };
        let of = |lines: Vec<order::Line>, cut: Event| {
            Sales::contribute(&given::<Sales, _>("ord_1", [order_of(lines), cut]).row())
        };
        let one_price = of(vec![line("CUP", 4, 450), line("TEA", 1, 999)], cut(0, "CUP", 3));
        let sums: Vec<&Sums> = one_price.iter().map(|(_, sums)| sums).collect();
        assert_eq!(*sums[0], [1, 5, 4 * 450 + 999, 0, 3, 3 * 450]);
        assert_eq!((sums[1], sums[2]), (&vec![1, 4, 1800, 0, 3, 1350], &vec![1, 1, 999, 0, 0, 0]));
        let two_prices = of(vec![line("CUP", 2, 450), line("CUP", 2, 400)], cut(1, "CUP", 2));
        assert_eq!(two_prices[1].1, [1, 4, 1700, 0, 2, 800]);
    }
}
