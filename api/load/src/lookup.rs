//! Finds orders by the number of their invoice, which the API lists them without: first among those of
//! their customer, else in one pass over all orders that is kept for every order that is looked for.
//!
//! Several orders may have the number: one that the shop placed, and one of each customer who chose the same. The one
//! that is the invoice's comes first.

use std::collections::{HashMap, HashSet};

use daybook_domain::text::folded;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::OnceCell;

use super::{
    client::{Answer, Client, ClientError, Refusal},
    compare::{OrderThere, ProductThere, order_differences},
    plan::{Order, Plan, Product},
};

/// How many orders a page has: as many as the API gives at once.
const PAGE: &str = "100";
/// How many pages are looked through: a million orders.
const MAX_PAGES: u32 = 10_000;
/// A time that is still to come is now, as the log itself has it: no read model is behind that.
pub const NOW: (&str, &str) = ("as_of", "9999-12-31T23:59:59Z");

pub struct Lookup<'a> {
    client: &'a Client,
    /// The numbers of the plan's invoices: no other order is of interest.
    invoices: HashSet<String>,
    all: OnceCell<HashMap<String, Vec<OrderThere>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server doesn't let us look.
    #[error("{} {}", .0.code, .0.detail)]
    Refused(Refusal),
}

#[derive(Deserialize)]
struct Page {
    data: Vec<OrderThere>,
    next: Option<String>,
}

impl<'a> Lookup<'a> {
    pub fn new(client: &'a Client, plan: &'a Plan) -> Self {
        let invoices = plan.orders.iter().map(|order| folded(order.invoice.as_str())).collect();
        Self { client, invoices, all: OnceCell::new() }
    }

    /// The product with that SKU, as the log has it at this moment.
    pub async fn product(&self, product: &Product) -> Result<ProductThere, LookupError> {
        let path = ["v1", "products", product.sku.as_str()];
        Ok(self.ask(&path, &[NOW], None).await?.0)
    }

    /// The order that has the invoice's number, whosever it is.
    pub async fn order(&self, order: &Order) -> Result<Option<OrderThere>, LookupError> {
        let invoice = &folded(order.invoice.as_str());
        let mut found: Vec<OrderThere> =
            self.all.get().and_then(|all| all.get(invoice)).into_iter().flatten().cloned().collect();
        if let Some(same) = same(order, &found) {
            return Ok(Some(same));
        }
        let head = self.head(order).await?;
        if let Some(customer) = &order.customer {
            let of_customer = [("customer", customer.as_str())];
            self.pages(&of_customer, head.as_deref(), |there| {
                if is_of(&there, invoice) {
                    found.push(there);
                }
                same(order, &found).is_none()
            })
            .await?;
        }
        if same(order, &found).is_none() {
            let all = self.all.get_or_try_init(|| self.read_all(head.as_deref())).await?;
            found.extend(all.get(invoice).into_iter().flatten().cloned());
        }
        Ok(same(order, &found).or_else(|| found.into_iter().next()))
    }

    async fn read_all(&self, head: Option<&str>) -> Result<HashMap<String, Vec<OrderThere>>, LookupError> {
        let mut all: HashMap<String, Vec<OrderThere>> = HashMap::new();
        self.pages(&[], head, |there| {
            if let Some(invoice) =
                there.external_id.as_deref().map(folded).filter(|id| self.invoices.contains(id))
            {
                all.entry(invoice).or_default().push(there);
            }
            true
        })
        .await?;
        Ok(all)
    }

    /// Every order, the newest first, as long as `goes_on` says so.
    async fn pages(
        &self,
        filter: &[(&str, &str)],
        position: Option<&str>,
        mut goes_on: impl FnMut(OrderThere) -> bool,
    ) -> Result<(), LookupError> {
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut parameters = vec![("limit", PAGE)];
            parameters.extend(filter);
            parameters.extend(after.as_deref().map(|after| ("after", after)));
            let (page, _): (Page, _) = self.ask(&["v1", "orders"], &parameters, position).await?;
            if !page.data.into_iter().all(&mut goes_on) {
                return Ok(());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Where the log ends: lists must have come so far, to show what made the server refuse. `None` if even
    /// the order's first product isn't there.
    async fn head(&self, order: &Order) -> Result<Option<String>, LookupError> {
        let Some(line) = order.lines.first() else { return Ok(None) };
        let asked: Result<(serde::de::IgnoredAny, _), _> =
            self.ask(&["v1", "products", line.sku.as_str()], &[NOW], None).await;
        match asked {
            Ok((_, position)) => Ok(position),
            Err(LookupError::Refused(Refusal { status: 404, .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The answer, and the position that it has seen.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
        position: Option<&str>,
    ) -> Result<(T, Option<String>), LookupError> {
        match self.client.query(path, parameters, position).await? {
            Answer::Accepted { body, position, .. } => {
                let read =
                    serde_json::from_value(body).map_err(|error| ClientError::Foreign(error.to_string()));
                Ok((read?, position))
            }
            Answer::Refused(refusal) => Err(LookupError::Refused(refusal)),
        }
    }
}

/// The one that is the invoice's.
fn same(order: &Order, found: &[OrderThere]) -> Option<OrderThere> {
    found.iter().find(|there| order_differences(order, there).is_empty()).cloned()
}

/// `invoice` is folded: the server compares ids in that form, too.
fn is_of(there: &OrderThere, invoice: &str) -> bool {
    there.external_id.as_deref().map(folded).as_deref() == Some(invoice)
}
