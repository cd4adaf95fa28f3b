//! The use cases of an order: its own stream, the products that price it, the stock that it holds.

use std::{collections::BTreeMap, sync::Arc};

use daybook_domain::{
    Decider,
    external_id::{self, ExternalIdUse},
    ids::OrderId,
    money::{Currency, Money, Price},
    order::{
        Command, Details, Line, MAX_LINES, OpenLine, Order, Pieces, Placement, Status, pieces_by_sku, total,
    },
    policy::{Action, Actor, Role},
    product::{self, Product},
    quantity::Quantity,
    sealed::Sealed,
    sku::Sku,
    stock::{self, Stock},
    text::{CustomerId, ExternalId, Metadata, ProductName, Reason, Reference},
};
use serde::Serialize;

use crate::{
    Commands, Context,
    outcome::{Accepted, NotDone, Receipt, Refusal, RefusalKind},
    work::{Halt, Wanted, Work},
};

/// Commands on orders.
pub struct Orders<'a>(pub(crate) &'a Commands);

#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// Made for this order.
    pub id: OrderId,
    /// 1 to [`MAX_LINES`].
    pub lines: Vec<PlaceLine>,
    pub currency: Currency,
    /// Whose order it is, if not the caller's.
    pub customer: Option<CustomerId>,
    pub contact: Option<Sealed>,
    pub ship_to: Option<Sealed>,
    pub external_id: Option<ExternalId>,
    pub metadata: Metadata,
    pub override_reason: Option<Reason>,
}

#[derive(Debug, Clone)]
pub struct PlaceLine {
    pub sku: Sku,
    pub quantity: Quantity,
    /// Another price than the catalogue's.
    pub unit_price: Option<Price>,
}

/// Whose order it will be: the named customer's, else the caller's own if they are a customer, else
/// nobody's (a guest's).
pub fn owner(actor: &Actor, named: Option<&CustomerId>) -> Option<CustomerId> {
    match named {
        Some(customer) => Some(customer.clone()),
        None if actor.roles.contains(Role::Customer) => actor.subject.parse().ok(),
        None => None,
    }
}

impl Orders<'_> {
    /// Whether the caller may place this order. Asked again by [`place`](Self::place); for callers who
    /// must know before they prepare anything.
    pub fn may_place(
        &self,
        context: &Context,
        customer: Option<&CustomerId>,
        overrides_price: bool,
    ) -> Result<(), NotDone> {
        let owner = owner(&context.actor, customer);
        let own = owner.as_ref().is_some_and(|owner| owner.as_str() == context.actor.subject);
        if !own {
            context.authorize(Action::PlaceOrderForOther, None)?;
        }
        if overrides_price {
            context.authorize(Action::OverridePrice, None)?;
        }
        context.authorize(Action::PlaceOrder, owner.as_ref().map(CustomerId::as_str))
    }

    /// Prices every line from the catalogue, holds the stock of all, and places the order: all or
    /// nothing.
    ///
    /// Refused with `product_not_found`, `product_not_published`, `product_archived`,
    /// `price_not_available` (in that currency), `insufficient_stock`, `total_out_of_range`,
    /// `currency_mismatch`, or `already_exists` for a taken external id.
    pub async fn place(&self, context: Context, order: PlaceOrder) -> Result<Accepted, NotDone> {
        let overrides_price = order.lines.iter().any(|line| line.unit_price.is_some());
        self.may_place(&context, order.customer.as_ref(), overrides_price)?;
        if !(1..=MAX_LINES).contains(&order.lines.len()) {
            let detail = format!("an order has 1 to {MAX_LINES} lines");
            return Err(Refusal::new(RefusalKind::Invalid, "validation_failed", detail).at("/lines").into());
        }
        let customer = owner(&context.actor, order.customer.as_ref());
        let size = 4_096 + 256 * order.lines.len();
        let decide = move |work: &mut Work<'_>| place(work, &order, customer.clone());
        self.0.submit(context, size, Box::new(decide)).await
    }

    /// Turns the order's holds into allocations.
    pub async fn confirm(&self, context: Context, id: OrderId) -> Result<Accepted, NotDone> {
        context.authorize(Action::ConfirmOrder, None)?;
        self.change(context, id, |_| Ok(()), || Command::Confirm).await
    }

    /// Gives back what the order holds. A customer may cancel their own.
    pub async fn cancel(
        &self,
        context: Context,
        id: OrderId,
        reason: Option<Reason>,
    ) -> Result<Accepted, NotDone> {
        let asker = context.clone();
        let authorize = move |order: Option<&Details>| {
            let customer = order.and_then(|order| order.customer.as_ref());
            asker.check(Action::CancelOrder, customer.map(CustomerId::as_str))
        };
        self.change(context, id, authorize, move || Command::Cancel { reason: reason.clone() }).await
    }

    /// Pieces leave the house: those named, or all that are left.
    pub async fn ship(
        &self,
        context: Context,
        id: OrderId,
        pieces: Option<Vec<Pieces>>,
        tracking: Option<Reference>,
    ) -> Result<Accepted, NotDone> {
        context.authorize(Action::ShipOrder, None)?;
        let command = move || Command::Ship { pieces: pieces.clone(), tracking: tracking.clone() };
        self.change(context, id, |_| Ok(()), command).await
    }

    pub async fn deliver(&self, context: Context, id: OrderId) -> Result<Accepted, NotDone> {
        context.authorize(Action::DeliverOrder, None)?;
        self.change(context, id, |_| Ok(()), || Command::MarkDelivered).await
    }

    async fn change(
        &self,
        context: Context,
        id: OrderId,
        authorize: impl Fn(Option<&Details>) -> Result<(), Refusal> + Send + Sync + 'static,
        command: impl Fn() -> Command + Send + Sync + 'static,
    ) -> Result<Accepted, NotDone> {
        let if_match = context.if_match;
        let decide = move |work: &mut Work<'_>| {
            let key = id.to_string();
            let before = work.state::<Order>(&key)?;
            authorize(before.details())?;
            work.expect_version::<Order>(&key, if_match)?;
            work.execute::<Order>(&key, command())?;
            let after = work.state::<Order>(&key)?;
            move_stock(work, id, &before, &after)?;
            receipt(work, id, false)
        };
        self.0.submit(context, 16 * 1_024, Box::new(decide)).await
    }
}

fn place(work: &mut Work<'_>, order: &PlaceOrder, customer: Option<CustomerId>) -> Result<Receipt, Halt> {
    let id = order.id.to_string();
    let pieces = pieces_by_sku(order.lines.iter().map(|line| (&line.sku, line.quantity.get())));
    let claim = order.external_id.as_ref().map(|external| format!("{}:{external}", Order::KIND));
    let skus = pieces.keys().map(Sku::as_str);
    work.need(
        skus.flat_map(|sku| [Wanted::of::<Product>(sku), Wanted::of::<Stock>(sku)])
            .chain(claim.as_deref().map(Wanted::of::<ExternalIdUse>)),
    )?;
    work.begin::<Order>(&id);

    // First: an order that is there already is refused as such, not for want of stock.
    if let Some(claim) = &claim {
        let take = external_id::Command::Take { by: id.clone() };
        work.execute::<ExternalIdUse>(claim, take).map_err(|halt| match halt {
            Halt::Refused(refusal) => Halt::Refused(refusal.at("/external_id")),
            other => other,
        })?;
    }
    let lines = price_lines(work, order)?;
    let total = total(&lines, order.currency).map_err(|rejection| Refusal::rejected(&rejection))?;
    hold(work, order, &pieces)?;
    let placement = Placement {
        customer,
        lines,
        currency: order.currency,
        total,
        override_reason: order.override_reason.clone(),
        contact: order.contact.clone(),
        ship_to: order.ship_to.clone(),
        external_id: order.external_id.clone(),
        metadata: order.metadata.clone(),
    };
    work.execute::<Order>(&id, Command::Place(Box::new(placement)))?;
    receipt(work, order.id, true)
}

/// What every line costs, by the catalogue as it is now. The batch rests on every product it reads, so
/// a price that changes meanwhile is noticed.
fn price_lines(work: &mut Work<'_>, order: &PlaceOrder) -> Result<Vec<Line>, Halt> {
    let mut products: BTreeMap<&Sku, Arc<Product>> = BTreeMap::new();
    order
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let product = match products.get(&line.sku) {
                Some(product) => Arc::clone(product),
                None => {
                    let product = work.state::<Product>(line.sku.as_str())?;
                    products.insert(&line.sku, Arc::clone(&product));
                    product
                }
            };
            price_line(&product, line, order.currency)
                .map_err(|refusal| refusal.at(format!("/lines/{index}")).into())
        })
        .collect()
}

fn price_line(product: &Product, line: &PlaceLine, currency: Currency) -> Result<Line, Refusal> {
    let refuse =
        |code, detail: &str| Refusal::new(RefusalKind::Invalid, code, format!("{}: {detail}", line.sku));
    let Some(product) = product.details() else {
        return Err(refuse("product_not_found", "there is no such product"));
    };
    match product.status {
        product::Status::Published => {}
        product::Status::Draft => {
            return Err(refuse("product_not_published", "the product is not published"));
        }
        product::Status::Archived => return Err(refuse("product_archived", "the product is archived")),
    }
    let list_price = product.price_in(currency);
    let unit_price = match (line.unit_price, list_price) {
        (Some(agreed), _) if agreed.currency() != currency => {
            return Err(refuse("currency_mismatch", "the price has another currency than the order"));
        }
        (Some(agreed), _) => agreed,
        (None, Some(list)) => list,
        (None, None) => {
            let detail = format!("the product has no price in {}", currency.code());
            return Err(refuse("price_not_available", &detail));
        }
    };
    let overridden = line.unit_price.is_some() && list_price != Some(unit_price);
    Ok(Line {
        sku: line.sku.clone(),
        name: product.name.clone(),
        quantity: line.quantity,
        unit_price,
        list_price: list_price.filter(|_| overridden),
    })
}

/// Holds the stock of every SKU, or refuses and says which one is short.
fn hold(work: &mut Work<'_>, order: &PlaceOrder, pieces: &BTreeMap<Sku, i64>) -> Result<(), Halt> {
    for (sku, &quantity) in pieces {
        let hold = stock::Command::Hold { order: order.id, quantity };
        if let Err(rejection) = work.try_execute::<Stock>(sku.as_str(), hold)? {
            let line = order.lines.iter().position(|line| line.sku == *sku).unwrap_or(0);
            let mut refusal = Refusal::rejected(&rejection).at(format!("/lines/{line}"));
            refusal.detail = format!("{sku}: {}", refusal.detail);
            return Err(refusal.into());
        }
    }
    Ok(())
}

/// What an order's change means for the stock that is promised to it.
fn move_stock(work: &mut Work<'_>, id: OrderId, before: &Order, after: &Order) -> Result<(), Halt> {
    let (Some(before), Some(after)) = (before.details(), after.details()) else { return Ok(()) };
    let command: fn(OrderId, i64) -> stock::Command = match (before.status, after.status) {
        (Status::Placed, Status::Confirmed) => |order, quantity| stock::Command::Allocate { order, quantity },
        (Status::Placed, Status::Cancelled) => {
            |order, quantity| stock::Command::ReleaseHold { order, quantity }
        }
        (Status::Confirmed, Status::Cancelled) => {
            |order, quantity| stock::Command::ReleaseAllocation { order, quantity }
        }
        (_, Status::Shipped | Status::PartlyShipped) => {
            |order, quantity| stock::Command::Ship { order, quantity }
        }
        _ => return Ok(()),
    };
    let shipping = matches!(after.status, Status::Shipped | Status::PartlyShipped);
    let lines = before.lines.iter().zip(&after.lines);
    let pieces = pieces_by_sku(lines.map(|(before, after)| {
        let moved = if shipping { after.shipped - before.shipped } else { before.left() };
        (&before.sku, moved)
    }));
    work.need(pieces.keys().map(|sku| Wanted::of::<Stock>(sku.as_str())))?;
    for (sku, quantity) in pieces.into_iter().filter(|(_, quantity)| *quantity > 0) {
        work.execute::<Stock>(sku.as_str(), command(id, quantity))?;
    }
    Ok(())
}

fn receipt(work: &mut Work<'_>, id: OrderId, created: bool) -> Result<Receipt, Halt> {
    let key = id.to_string();
    let version = work.version::<Order>(&key)?;
    let order = work.state::<Order>(&key)?;
    let order = order.details().ok_or_else(|| Halt::Broken("an order that changed exists".into()))?;
    let line = |line: &OpenLine| {
        let total = line.total().ok_or_else(|| Halt::Broken("the total of a placed line fits".into()))?;
        let OpenLine { sku, name, unit_price, ordered, shipped: _ } = line.clone();
        Ok(BodyLine { sku, name, quantity: ordered, unit_price, total })
    };
    let lines = order.lines.iter().map(line).collect::<Result<_, Halt>>()?;
    let body = Body { id, status: order.status, version, lines, total: order.total };
    Ok(Receipt::new(created, &id, version, &body)?)
}

#[derive(Serialize)]
struct Body {
    id: OrderId,
    status: Status,
    version: i64,
    lines: Vec<BodyLine>,
    total: Money,
}

#[derive(Serialize)]
struct BodyLine {
    sku: Sku,
    name: ProductName,
    quantity: Quantity,
    unit_price: Price,
    total: Money,
}
