//! Sends a plan: products and the stock of new ones first, then orders, each followed by its cancellation, then the
//! stock that orders lack, and these orders again.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Mutex, PoisonError},
};

use daybook_domain::quantity::Quantity;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    beside::say_beside,
    client::{Answer, Client, ClientError, Refusal, fingerprint},
    compare::{CURRENCY, order_differences, product_differences},
    lookup::{Lookup, LookupError, NOW},
    plan::{Order, Plan, Product},
    tally::Tally,
};

/// What is refused because there is such a thing already: whether it is the same remains to be seen.
const ALREADY_EXISTS: &str = "already_exists";
/// What an order is refused with if its pieces are not there, or are promised to other orders.
const INSUFFICIENT_STOCK: &str = "insufficient_stock";
/// How often pieces are received for orders that lack them: other orders may take them first.
const MAX_RECEIPTS: usize = 10;
/// The code of what is there already, and otherwise than in the file.
const DIFFERS: &str = "differs";

/// Sends everything, `concurrency` commands at a time. Ends early only if the server can't be reached
/// or doesn't know us.
pub async fn drive(plan: &Plan, client: &Client, concurrency: usize) -> Result<Tally, ClientError> {
    let tally = Mutex::new(Tally::default());
    let bar = progress_bar(plan.products.len() + plan.orders.len());
    let sender = Sender { client, lookup: Lookup::new(client, plan), tally: &tally, bar: &bar };
    bar.set_message("products");
    let products = stream::iter(&plan.products).map(|product| sender.product(product));
    count(products.buffer_unordered(concurrency), &bar).await?;
    bar.set_message("orders");
    sender.orders(&plan.orders, concurrency).await?;
    bar.finish_and_clear();
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn count(
    sent: impl Stream<Item = Result<(), ClientError>>,
    bar: &ProgressBar,
) -> Result<(), ClientError> {
    let mut sent = pin!(sent);
    while sent.try_next().await?.is_some() {
        bar.inc(1);
    }
    Ok(())
}

/// A progress bar on stderr; nothing is drawn if that is not a terminal.
fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:9} {wide_bar} {pos}/{len} {per_sec} eta {eta}")
        .expect("the template is valid");
    ProgressBar::new(length as u64).with_style(style)
}

struct Sender<'a> {
    client: &'a Client,
    lookup: Lookup<'a>,
    tally: &'a Mutex<Tally>,
    bar: &'a ProgressBar,
}

/// A command that the server has carried out, now or before.
struct Done {
    body: Value,
    replayed: bool,
}

/// An order that is refused because there are too few pieces.
struct Short<'a> {
    order: &'a Order,
    refusal: Refusal,
}

impl Sender<'_> {
    /// Creates and publishes a product. If it is new, what the file needs of it is received.
    async fn product(&self, product: &Product) -> Result<(), ClientError> {
        let sku = product.sku.as_str();
        let body = json!({ "sku": sku, "name": product.name, "price": gbp(product.price_minor) });
        let is_new = match self.client.command(&["v1", "products"], &format!("product-{sku}"), &body).await? {
            Answer::Refused(refusal) if refusal.code == ALREADY_EXISTS => {
                self.compare_product(product).await?;
                false
            }
            answer => match self.done(answer, "product", sku) {
                Some(done) => !done.replayed,
                None => return Ok(()),
            },
        };
        self.send(&["v1", "products", sku, "publication"], "publication", sku, &json!({})).await?;
        if is_new {
            self.receive(sku, product.pieces, "receipt").await?;
        }
        Ok(())
    }

    /// Receives that many pieces. `false` if the server refuses to.
    async fn receive(&self, sku: &str, mut pieces: i64, what: &str) -> Result<bool, ClientError> {
        while pieces > 0 {
            let quantity = pieces.min(Quantity::MAX);
            let body = json!({ "quantity": quantity, "reference": "imported" });
            let name = format!("{what}-{pieces}");
            if self.send(&["v1", "stock", sku, "receipts"], &name, sku, &body).await?.is_none() {
                return Ok(false);
            }
            pieces -= quantity;
        }
        Ok(true)
    }

    /// Orders name their own prices, so they are sent also if the catalogue's product differs.
    async fn compare_product(&self, product: &Product) -> Result<(), ClientError> {
        let sku = product.sku.as_str();
        match self.lookup.product(product).await {
            Ok(there) => self.compared("product", sku, &product_differences(product, &there)),
            Err(LookupError::Refused(refusal)) => self.refused(&refusal, "product", sku),
            Err(LookupError::Client(error)) => return Err(error),
        }
        Ok(())
    }

    /// Sends all orders, and those that lack pieces again, when these are received. An order that is there already
    /// lacks none, so a repeat receives nothing.
    async fn orders(&self, orders: &[Order], concurrency: usize) -> Result<(), ClientError> {
        let mut short = self.place(orders.iter().collect(), concurrency).await?;
        for _ in 0..MAX_RECEIPTS {
            if short.is_empty() {
                break;
            }
            let all_received = self.receive_for(&short, concurrency).await?;
            short = self.place(short.into_iter().map(|short| short.order).collect(), concurrency).await?;
            if !all_received {
                break;
            }
        }
        for Short { order, refusal } in short {
            self.refused(&refusal, "order", order.invoice.as_str());
            self.bar.inc(1);
        }
        Ok(())
    }

    /// The orders that lack pieces. All others are counted.
    async fn place<'o>(
        &self,
        orders: Vec<&'o Order>,
        concurrency: usize,
    ) -> Result<Vec<Short<'o>>, ClientError> {
        let sent = stream::iter(orders).map(|order| self.order(order));
        let mut sent = pin!(sent.buffer_unordered(concurrency));
        let mut short = Vec::new();
        while let Some(refused) = sent.try_next().await? {
            match refused {
                Some(order) => short.push(order),
                None => self.bar.inc(1),
            }
        }
        Ok(short)
    }

    /// Receives what these orders need and the shop can't promise. `false` if the server refuses a part of that.
    async fn receive_for(&self, short: &[Short<'_>], concurrency: usize) -> Result<bool, ClientError> {
        let mut pieces: BTreeMap<&str, i64> = BTreeMap::new();
        for line in short.iter().flat_map(|short| &short.order.lines) {
            *pieces.entry(line.sku.as_str()).or_default() += line.quantity.get();
        }
        let received = stream::iter(pieces).map(|(sku, pieces)| self.receive_missing(sku, pieces));
        received.buffer_unordered(concurrency).try_fold(true, async |all, one| Ok(all && one)).await
    }

    async fn receive_missing(&self, sku: &str, pieces: i64) -> Result<bool, ClientError> {
        let (available, version) = match self.client.query(&["v1", "stock", sku], &[NOW], None).await? {
            Answer::Accepted { body, .. } => body["available"]
                .as_i64()
                .zip(body["version"].as_i64())
                .ok_or_else(|| ClientError::Foreign("stock without available and version".into()))?,
            Answer::Refused(Refusal { status: 404, .. }) => (0, 0),
            Answer::Refused(refusal) => {
                self.refused(&refusal, "stock", sku);
                return Ok(false);
            }
        };
        // Each receipt makes another version, so none is taken for the repeat of an earlier one.
        self.receive(sku, pieces - available, &format!("receipt-at-{version}")).await
    }

    /// Places an order and cancels it if the file does. If it is refused for want of pieces, that is returned, and not
    /// counted.
    async fn order<'o>(&self, order: &'o Order) -> Result<Option<Short<'o>>, ClientError> {
        let invoice = order.invoice.as_str();
        let answer =
            self.client.command(&["v1", "orders"], &format!("order-{invoice}"), &order_body(order)).await?;
        let id = match answer {
            Answer::Refused(refusal) if refusal.code == ALREADY_EXISTS => {
                self.compare_order(order, &refusal).await?
            }
            Answer::Refused(refusal) if refusal.code == INSUFFICIENT_STOCK => {
                return Ok(Some(Short { order, refusal }));
            }
            answer => match self.done(answer, "order", invoice) {
                Some(done) => {
                    let (id, lines, total_minor) = read_order(&done.body)?;
                    self.count_order(lines, total_minor);
                    Some(id)
                }
                None => None,
            },
        };
        if let (Some(id), Some(by)) = (id, &order.cancelled_by) {
            self.cancel(&id, by.as_str()).await?;
        }
        Ok(None)
    }

    /// The id of the order that is there already, if it is the invoice's.
    async fn compare_order(&self, order: &Order, refusal: &Refusal) -> Result<Option<String>, ClientError> {
        let invoice = order.invoice.as_str();
        match self.lookup.order(order).await {
            Ok(Some(there)) => {
                let differences = order_differences(order, &there);
                self.compared("order", invoice, &differences);
                if differences.is_empty() {
                    self.count_order(there.lines.len() as u64, there.total.amount);
                    return Ok(Some(there.id));
                }
            }
            Ok(None) => self.refused(refusal, "order", invoice),
            Err(LookupError::Refused(refusal)) => self.refused(&refusal, "order", invoice),
            Err(LookupError::Client(error)) => return Err(error),
        }
        Ok(None)
    }

    async fn cancel(&self, id: &str, by: &str) -> Result<(), ClientError> {
        let body = json!({ "reason": format!("Invoice {by}") });
        if self.send(&["v1", "orders", id, "cancellation"], "cancellation", by, &body).await?.is_some() {
            self.with_tally(|tally| tally.cancellations += 1);
        }
        Ok(())
    }

    async fn send(
        &self,
        path: &[&str],
        what: &str,
        about: &str,
        body: &Value,
    ) -> Result<Option<Done>, ClientError> {
        let answer = self.client.command(path, &format!("{what}-{about}"), body).await?;
        Ok(self.done(answer, what, about))
    }

    /// Counts the answer to a command; `None` if it was refused.
    fn done(&self, answer: Answer, what: &str, about: &str) -> Option<Done> {
        match answer {
            Answer::Accepted { body, replayed, .. } => {
                self.count(replayed);
                Some(Done { body, replayed })
            }
            Answer::Refused(refusal) => {
                self.refused(&refusal, what, about);
                None
            }
        }
    }

    fn refused(&self, refusal: &Refusal, what: &str, about: &str) {
        let Refusal { status, code, detail } = refusal;
        self.tell(&format!("{what} {about} refused: {status} {code}: {detail}"));
        self.reject(code);
    }

    /// Counts what was there already: as done before, if nothing differs.
    fn compared(&self, what: &str, about: &str, differences: &[String]) {
        if differences.is_empty() {
            self.count(true);
        } else {
            self.tell(&format!("{what} {about} is there already and differs: {}", differences.join("; ")));
            self.reject(DIFFERS);
        }
    }

    fn reject(&self, code: &str) {
        self.with_tally(|tally| {
            tally.commands += 1;
            *tally.rejected.entry(code.to_owned()).or_default() += 1;
        });
    }

    /// A line on stderr, beside the progress bar.
    fn tell(&self, text: &str) {
        self.bar.suspend(|| say_beside(text));
    }

    fn count(&self, replayed: bool) {
        self.with_tally(|tally| {
            tally.commands += 1;
            tally.replayed += u64::from(replayed);
        });
    }

    fn count_order(&self, lines: u64, total_minor: i64) {
        self.with_tally(|tally| {
            tally.orders += 1;
            tally.lines += lines;
            tally.total_minor += i128::from(total_minor);
        });
    }

    fn with_tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn gbp(minor: i64) -> Value {
    json!({ "amount": minor, "currency": CURRENCY })
}

fn order_body(order: &Order) -> Value {
    let invoice = &order.invoice;
    // The file has no real names, so one is made up, in a domain where no mail arrives.
    let contact = match &order.customer {
        Some(customer) => json!({
            "name": format!("Customer {customer}"),
            "email": made_up_email(customer.as_str()),
        }),
        None => json!({
            "name": format!("Guest of invoice {invoice}"),
            "email": made_up_email(&format!("guest-{invoice}")),
        }),
    };
    let line = |line: &super::plan::Line| json!({ "sku": line.sku, "quantity": line.quantity, "unit_price": gbp(line.unit_price_minor) });
    let mut body = json!({
        "lines": order.lines.iter().map(line).collect::<Vec<_>>(),
        "currency": CURRENCY,
        "contact": contact,
        "external_id": invoice,
        "override_reason": "imported",
        "metadata": { "country": order.country, "invoice_date": order.invoice_date },
    });
    if let Some(customer) = &order.customer {
        body["customer"] = json!(customer);
    }
    body
}

/// An address may have only few letters, and 64 in front of its @. What can't stand there is hashed.
fn made_up_email(name: &str) -> String {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    match (1..=64).contains(&name.len()) && name.bytes().all(is_plain) {
        true => format!("{name}@example.com"),
        false => format!("x{}@example.com", fingerprint(&[name])),
    }
}

/// Id, number of lines and total in pence, as the server has them.
fn read_order(body: &Value) -> Result<(String, u64, i64), ClientError> {
    let id = body["id"].as_str().map(str::to_owned);
    let lines = body["lines"].as_array().map(|lines| lines.len() as u64);
    let total = body["total"]["amount"].as_i64();
    id.zip(lines)
        .zip(total)
        .map(|((id, lines), total)| (id, lines, total))
        .ok_or_else(|| ClientError::Foreign("an order without id, lines and total".into()))
}

#[cfg(test)]
mod tests {
    use daybook_domain::contact::Email;

    use super::*;

    #[test]
    fn a_made_up_address_is_one_whatever_it_is_made_of() {
        assert_eq!(made_up_email("c17850"), "c17850@example.com");
        let hashed = ["cACME Ltd", "guest-INV 1", "", "c@", "c..", "cé", &"c".repeat(65)].map(made_up_email);
        for address in &hashed {
            assert!(Email::try_from(address.clone()).is_ok(), "{address}");
        }
        let different: std::collections::BTreeSet<&String> = hashed.iter().collect();
        assert_eq!(different.len(), hashed.len());
    }
}
