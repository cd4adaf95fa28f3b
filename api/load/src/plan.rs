//! What a file of invoices means to Daybook: products, orders, cancellations, and what it can't take.
//! A pure function of the rows, so that the same file is always loaded in the same way.
//!
//! - A line becomes an order's line if it sells goods: a positive quantity, a description, a positive
//!   price in whole pence. What is not meant for a catalogue (postage, samples, corrections) is counted by
//!   [`Unmapped`] reason.
//! - A cell that can't be read, or holds more than an order can have, is a [`Fault`]. Its whole invoice is
//!   left out: the rest of it would be another order.
//! - An invoice becomes an order of the lines that it has left, if any. Each row of the file is counted once.
//! - An invoice is one customer's: rows for another are a fault. Of its dates and countries the first is taken, and
//!   the others are a [`Warning`].
//! - An invoice takes goods back if the quantities of all its lines are negative, whatever its number is. If it comes
//!   from the same customer as an order further up in the file and names exactly that order's lines (codes,
//!   quantities, prices), it cancels it; with several such orders, the last one. Each order is cancelled once. An
//!   order further down is not meant: people were credited for something old before they were billed anew.
//! - A row that takes goods back on an invoice that sells others is left out, with a [`Warning`].
//! - A product is named and priced as most of its lines are; with equally many, as the first of them.

mod fault;
mod goods;
mod line;

use std::collections::{BTreeMap, HashMap};

use daybook_domain::{
    order::MAX_LINES,
    quantity::Quantity,
    sku::Sku,
    text::{CustomerId, ExternalId, ProductName},
};

use super::rows::Row;
use line::{Direction, NoLine, read_line};

pub use fault::{Fault, Warning};
pub use goods::{Line, Unmapped};
pub use line::Decimal;

#[derive(Debug)]
pub struct Plan {
    /// The products in the order of their SKUs.
    pub products: Vec<Product>,
    /// The orders in the order of the file.
    pub orders: Vec<Order>,
    /// Rows that are not meant for a catalogue, by why.
    pub unmapped: BTreeMap<Unmapped, u64>,
    /// What can't be read, in the file's order within each invoice.
    pub faults: Vec<Fault>,
    /// What is loaded, but not all of it.
    pub warnings: Vec<Warning>,
    /// Invoices that are left out because of a fault, and all of their rows.
    pub unreadable_invoices: u64,
    pub unreadable_rows: u64,
    /// Rows that belong to invoices that cancel an order.
    pub cancelling_rows: u64,
}

#[derive(Debug, PartialEq)]
pub struct Product {
    pub sku: Sku,
    pub name: ProductName,
    /// Pence.
    pub price_minor: i64,
    /// What all orders of the plan need together.
    pub pieces: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub invoice: ExternalId,
    pub customer: Option<CustomerId>,
    pub country: String,
    /// The time as it is in the file: local time without a zone.
    pub invoice_date: String,
    pub lines: Vec<Line>,
    /// Pence.
    pub total_minor: i64,
    /// The invoice that takes the whole order back.
    pub cancelled_by: Option<ExternalId>,
}

/// The plan for the first `limit` invoices.
pub fn plan(rows: &[Row], limit: Option<usize>, decimal: Decimal) -> Plan {
    let mut planner = Planner { decimal, ..Planner::default() };
    for invoice in invoices(rows).into_iter().take(limit.unwrap_or(usize::MAX)) {
        planner.invoice(&invoice);
    }
    Plan {
        products: products(&planner.orders),
        orders: planner.orders,
        unmapped: planner.unmapped,
        faults: planner.faults,
        warnings: planner.warnings,
        unreadable_invoices: planner.unreadable_invoices,
        unreadable_rows: planner.unreadable_rows,
        cancelling_rows: planner.cancelling_rows,
    }
}

impl Plan {
    pub fn lines(&self) -> usize {
        self.orders.iter().map(|order| order.lines.len()).sum()
    }

    pub fn cancellations(&self) -> usize {
        self.orders.iter().filter(|order| order.cancelled_by.is_some()).count()
    }

    /// Pence, those of cancelled orders included.
    pub fn total_minor(&self) -> i128 {
        self.orders.iter().map(|order| i128::from(order.total_minor)).sum()
    }
}

/// Rows by invoice, each with at least one, in the order in which the invoices begin.
fn invoices(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut invoices: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let place = *places.entry(row.invoice_no.trim()).or_insert(invoices.len());
        match invoices.get_mut(place) {
            Some(invoice) => invoice.push(row),
            None => invoices.push(vec![row]),
        }
    }
    invoices
}

/// What an order and the invoice that takes it back have in common.
type Mirror = (CustomerId, Vec<(Sku, Quantity, i64)>);

#[derive(Default)]
struct Planner {
    decimal: Decimal,
    orders: Vec<Order>,
    /// Orders that can still be cancelled, by index, the latest last.
    open: HashMap<Mirror, Vec<usize>>,
    unmapped: BTreeMap<Unmapped, u64>,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
    unreadable_invoices: u64,
    unreadable_rows: u64,
    cancelling_rows: u64,
}

/// An invoice that could be read as a whole and has at least one line.
struct Invoice {
    number: ExternalId,
    customer: Option<CustomerId>,
    lines: Vec<Line>,
    total_minor: i64,
}

impl Planner {
    fn invoice(&mut self, rows: &[&Row]) {
        let Some((direction, invoice)) = self.read(rows) else { return };
        match direction {
            Direction::Sold => self.sale(rows, invoice),
            Direction::TakenBack => self.cancellation(invoice),
        }
    }

    fn sale(&mut self, rows: &[&Row], invoice: Invoice) {
        let Invoice { number, customer, lines, total_minor } = invoice;
        if let Some(customer) = &customer {
            let mirror = (customer.clone(), sorted(&lines));
            self.open.entry(mirror).or_default().push(self.orders.len());
        }
        self.warnings.extend(first_other(rows, "InvoiceDate", |row| &row.invoice_date));
        self.warnings.extend(first_other(rows, "Country", |row| &row.country));
        self.orders.push(Order {
            invoice: number,
            customer,
            country: line::one_line(&rows[0].country),
            invoice_date: line::one_line(&rows[0].invoice_date),
            lines,
            total_minor,
            cancelled_by: None,
        });
    }

    fn cancellation(&mut self, invoice: Invoice) {
        let Invoice { number, customer, lines, .. } = invoice;
        let Some(customer) = customer else {
            return self.leave_out(Unmapped::CancelsForNobody, lines.len());
        };
        match self.open.get_mut(&(customer, sorted(&lines))).and_then(Vec::pop) {
            Some(order) => {
                self.orders[order].cancelled_by = Some(number);
                self.cancelling_rows += lines.len() as u64;
            }
            None => self.leave_out(Unmapped::CancelsNoWholeOrder, lines.len()),
        }
    }

    /// Counts the rows that are not meant for a catalogue; `None` if no other is left. A fault anywhere
    /// leaves the whole invoice out instead.
    fn read(&mut self, rows: &[&Row]) -> Option<(Direction, Invoice)> {
        let (mut sold, mut taken_back) = (Vec::new(), Vec::new());
        let (mut left_out, mut faults) = (Vec::new(), Vec::new());
        for row in rows {
            match read_line(row, self.decimal) {
                Ok((Direction::Sold, line)) => sold.push(line),
                Ok((Direction::TakenBack, line)) => taken_back.push((row, line)),
                Err(NoLine::Unmapped(reason)) => left_out.push(reason),
                Err(NoLine::Unreadable(cells)) => faults.extend(cells),
            }
        }
        let (direction, lines, returned) = match sold.is_empty() {
            true => {
                (Direction::TakenBack, taken_back.into_iter().map(|(_, line)| line).collect(), Vec::new())
            }
            false => (Direction::Sold, sold, taken_back),
        };
        let is_empty = lines.is_empty();
        let invoice = if is_empty { Ok(None) } else { invoice(rows, lines).map(Some) };
        match invoice {
            Ok(invoice) if faults.is_empty() => {
                left_out.into_iter().for_each(|reason| self.leave_out(reason, 1));
                self.leave_out(Unmapped::QuantityNotPositive, returned.len());
                self.warnings.extend(returned.iter().map(|(row, _)| returned_beside_sales(row)));
                invoice.map(|invoice| (direction, invoice))
            }
            other => {
                faults.extend(other.err());
                self.reject(rows, faults);
                None
            }
        }
    }

    fn reject(&mut self, rows: &[&Row], faults: Vec<Fault>) {
        self.faults.extend(faults);
        self.unreadable_invoices += 1;
        self.unreadable_rows += rows.len() as u64;
    }

    fn leave_out(&mut self, reason: Unmapped, rows: usize) {
        if rows > 0 {
            *self.unmapped.entry(reason).or_default() += rows as u64;
        }
    }
}

/// What the invoice's rows and all of its lines together must be.
fn invoice(rows: &[&Row], lines: Vec<Line>) -> Result<Invoice, Fault> {
    let first = rows[0];
    let about = |problem: String| Fault::new(first, "InvoiceNo", &first.invoice_no, problem);
    if lines.len() > MAX_LINES {
        return Err(about(format!("has {} lines, more than the {MAX_LINES} of an order", lines.len())));
    }
    let number = line::taken::<ExternalId>(first.invoice_no.trim()).map_err(about)?;
    let is_other = |row: &&&Row| line::customer_number(row) != line::customer_number(first);
    if let Some(other) = rows.iter().find(is_other) {
        let problem = format!("is another customer than {:?} in line {}", first.customer_id, first.line);
        return Err(Fault::new(other, "CustomerID", &other.customer_id, problem));
    }
    let customer = line::customer(first)
        .map_err(|problem| Fault::new(first, "CustomerID", &first.customer_id, problem))?;
    let total_minor = total(&lines).ok_or_else(|| about("comes to more than an order can".into()))?;
    Ok(Invoice { number, customer, lines, total_minor })
}

/// The first row that says something else than the first one does in a column of which an order takes one value.
fn first_other(rows: &[&Row], column: &'static str, cell: impl Fn(&Row) -> &str) -> Option<Warning> {
    let taken = cell(rows[0]).trim();
    let other = rows.iter().find(|row| cell(row).trim() != taken)?;
    let (line, value) = (other.line, cell(other).to_owned());
    let problem = format!("differs from {taken:?} in line {}, which is taken", rows[0].line);
    Some(Warning { line, column, value, problem })
}

fn returned_beside_sales(row: &Row) -> Warning {
    let problem =
        format!("takes goods back on invoice {}, which sells others: it is left out", row.invoice_no);
    Warning { line: row.line, column: "Quantity", value: row.quantity.clone(), problem }
}

fn total(lines: &[Line]) -> Option<i64> {
    lines
        .iter()
        .try_fold(0_i64, |sum, line| sum.checked_add(line.unit_price_minor.checked_mul(line.quantity.get())?))
}

fn sorted(lines: &[Line]) -> Vec<(Sku, Quantity, i64)> {
    let mut sorted: Vec<_> =
        lines.iter().map(|line| (line.sku.clone(), line.quantity, line.unit_price_minor)).collect();
    sorted.sort();
    sorted
}

fn products(orders: &[Order]) -> Vec<Product> {
    let mut lines_by_sku: BTreeMap<&Sku, Vec<&Line>> = BTreeMap::new();
    for line in orders.iter().flat_map(|order| &order.lines) {
        lines_by_sku.entry(&line.sku).or_default().push(line);
    }
    let product = |(sku, lines): (&Sku, Vec<&Line>)| Product {
        sku: sku.clone(),
        name: most_frequent(lines.iter().map(|line| &line.name)).clone(),
        price_minor: *most_frequent(lines.iter().map(|line| &line.unit_price_minor)),
        pieces: lines.iter().map(|line| line.quantity.get()).sum(),
    };
    lines_by_sku.into_iter().map(product).collect()
}

/// The first of those that occur most often.
fn most_frequent<'a, T: Ord>(values: impl Iterator<Item = &'a T>) -> &'a T {
    let mut counts: BTreeMap<&T, (usize, std::cmp::Reverse<usize>)> = BTreeMap::new();
    for (place, value) in values.enumerate() {
        counts.entry(value).or_insert((0, std::cmp::Reverse(place))).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.expect("a product has at least one line").0
}

#[cfg(test)]
mod tests;
