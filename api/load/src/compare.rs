//! What the server has already, beside what the file means.

use serde::Deserialize;

use super::plan::{Order, Product};

/// How many lines of a difference are named.
const NAMED_LINES: usize = 3;
/// The currency of every file.
pub const CURRENCY: &str = "GBP";

/// An order as the server shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderThere {
    pub id: String,
    pub customer: Option<String>,
    pub external_id: Option<String>,
    pub lines: Vec<LineThere>,
    pub total: Money,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LineThere {
    sku: String,
    quantity: i64,
    unit_price: Money,
}

/// A product as the server shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct ProductThere {
    name: String,
    /// One in each currency.
    prices: Vec<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    pub currency: String,
}

impl Money {
    fn pence(amount: i64) -> Self {
        Self { amount, currency: CURRENCY.into() }
    }
}

/// The differences in words; none if the order is the invoice's, in whatever order its lines are.
pub fn order_differences(meant: &Order, there: &OrderThere) -> Vec<String> {
    let mut differences = Vec::new();
    let customer = meant.customer.as_ref().map(|customer| customer.as_str());
    if there.customer.as_deref() != customer {
        let name = |customer: Option<&str>| customer.unwrap_or("nobody").to_owned();
        differences.push(differs("customer", name(customer), name(there.customer.as_deref())));
    }
    let ours = meant
        .lines
        .iter()
        .map(|line| (line.sku.to_string(), line.quantity.get(), Money::pence(line.unit_price_minor)));
    let theirs = there.lines.iter().map(|line| (line.sku.clone(), line.quantity, line.unit_price.clone()));
    differences.extend(line_differences(ours.collect(), theirs.collect()));
    let total = Money::pence(meant.total_minor);
    if there.total != total {
        differences.push(differs("total", shown(&total), shown(&there.total)));
    }
    differences
}

/// The differences in words; none if the catalogue's product has the file's name and price.
pub fn product_differences(meant: &Product, there: &ProductThere) -> Vec<String> {
    let mut differences = Vec::new();
    if there.name != meant.name.as_str() {
        differences.push(differs("name", format!("{:?}", meant.name.as_str()), format!("{:?}", there.name)));
    }
    let price = Money::pence(meant.price_minor);
    let price_there = there.prices.iter().find(|price| price.currency == CURRENCY);
    if price_there != Some(&price) {
        differences.push(differs("price", shown(&price), price_there.map_or("none".into(), shown)));
    }
    differences
}

type Line = (String, i64, Money);

fn line_differences(mut ours: Vec<Line>, mut theirs: Vec<Line>) -> Option<String> {
    ours.sort();
    theirs.sort();
    if ours == theirs {
        return None;
    }
    let only = |these: &[Line], others: &[Line]| {
        let mut others = others.to_vec();
        let mut only = these.to_vec();
        only.retain(|line| match others.iter().position(|other| other == line) {
            Some(place) => {
                others.swap_remove(place);
                false
            }
            None => true,
        });
        let named = only.iter().take(NAMED_LINES);
        let mut named: Vec<String> =
            named.map(|(sku, quantity, price)| format!("{quantity} {sku} at {}", shown(price))).collect();
        if only.len() > NAMED_LINES {
            named.push(format!("{} more", only.len() - NAMED_LINES));
        }
        match named.is_empty() {
            true => String::new(),
            false => format!(" ({})", named.join(", ")),
        }
    };
    let of_file = format!("{}{}", ours.len(), only(&ours, &theirs));
    let of_server = format!("{}{}", theirs.len(), only(&theirs, &ours));
    Some(differs("lines", of_file, of_server))
}

fn differs(what: &str, in_file: impl std::fmt::Display, on_server: impl std::fmt::Display) -> String {
    format!("{what}: {in_file} in the file, {on_server} on the server")
}

fn shown(money: &Money) -> String {
    let Money { amount, currency } = money;
    // Nothing is known here of other currencies, not even their decimals.
    match currency.as_str() {
        CURRENCY => format!("{}.{:02}", amount / 100, amount % 100),
        _ => format!("{amount} {currency}"),
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::quantity::Quantity;

    use super::*;
    use crate::plan::Line as PlannedLine;

    fn line(sku: &str, quantity: i64, unit_price_minor: i64) -> PlannedLine {
        PlannedLine {
            sku: sku.parse().expect("a SKU"),
            quantity: Quantity::try_from(quantity).expect("in range"),
            unit_price_minor,
            name: "Mug".parse().expect("a name"),
        }
    }

    fn meant(lines: Vec<PlannedLine>) -> Order {
        Order {
            invoice: "1".parse().expect("an id"),
            customer: Some("c1".parse().expect("a customer")),
            country: "EIRE".into(),
            invoice_date: "2024-01-01".into(),
            total_minor: lines.iter().map(|line| line.unit_price_minor * line.quantity.get()).sum(),
            lines,
            cancelled_by: None,
        }
    }

    fn there(text: &str) -> OrderThere {
        serde_json::from_str(text).expect("an order")
    }

    const TWO_LINES: &str = r#"{"id": "ord_1", "customer": "c1", "external_id": "1", "currency": "GBP",
        "lines": [{"sku": "B", "quantity": 1, "unit_price": {"amount": 310, "currency": "GBP"}},
                  {"sku": "A", "quantity": 2, "unit_price": {"amount": 255, "currency": "GBP"}}],
        "total": {"amount": 820, "currency": "GBP"}}"#;

    #[test]
    fn the_order_of_lines_makes_no_difference() {
        let order = meant(vec![line("A", 2, 255), line("B", 1, 310)]);
        assert_eq!(order_differences(&order, &there(TWO_LINES)), Vec::<String>::new());
    }

    #[test]
    fn every_difference_of_an_order_is_named() {
        let order = meant(vec![line("B", 1, 310), line("B", 1, 310)]);
        let other = TWO_LINES.replace(r#""customer": "c1""#, r#""customer": null"#);
        assert_eq!(
            order_differences(&order, &there(&other)),
            [
                "customer: c1 in the file, nobody on the server",
                "lines: 2 (1 B at 3.10) in the file, 2 (2 A at 2.55) on the server",
                "total: 6.20 in the file, 8.20 on the server",
            ]
        );
        let euros = TWO_LINES.replace("GBP", "EUR");
        let same_amounts = meant(vec![line("A", 2, 255), line("B", 1, 310)]);
        assert_eq!(order_differences(&same_amounts, &there(&euros)).len(), 2);
    }

    #[test]
    fn a_product_is_told_by_its_name_and_its_price_in_pounds() {
        let product = Product {
            sku: "MUG".parse().expect("a SKU"),
            name: "Mug".parse().expect("a name"),
            price_minor: 310,
            pieces: 1,
        };
        let there = |text: &str| serde_json::from_str::<ProductThere>(text).expect("a product");
        let same = r#"{"name": "Mug", "prices": [{"amount": 400, "currency": "EUR"}, {"amount": 310, "currency": "GBP"}]}"#;
        assert_eq!(product_differences(&product, &there(same)), Vec::<String>::new());
        let other = r#"{"name": "Cup", "prices": [{"amount": 310, "currency": "EUR"}]}"#;
        assert_eq!(
            product_differences(&product, &there(other)),
            [
                "name: \"Mug\" in the file, \"Cup\" on the server",
                "price: 3.10 in the file, none on the server"
            ]
        );
    }
}
