//! The warehouse's use cases.

use daybook_domain::{
    policy::Action,
    product::Product,
    quantity::Quantity,
    sku::Sku,
    stock::{Command, Stock},
    text::{Reason, Reference},
};
use serde::Serialize;

use crate::{
    Commands, Context,
    outcome::{Accepted, NotDone, Receipt, Refusal},
    work::{Wanted, Work},
};

/// Commands on stock. Each is refused with `not_found` if there is no product of that SKU.
pub struct Stocks<'a>(pub(crate) &'a Commands);

impl Stocks<'_> {
    /// Pieces have come in.
    pub async fn receive(
        &self,
        context: Context,
        sku: Sku,
        quantity: Quantity,
        reference: Option<Reference>,
    ) -> Result<Accepted, NotDone> {
        context.authorize(Action::ReceiveStock, None)?;
        self.change(context, sku, Command::Receive { quantity: quantity.get(), reference }).await
    }

    /// The count was wrong by `delta`. What is promised to orders can't be taken away.
    pub async fn adjust(
        &self,
        context: Context,
        sku: Sku,
        delta: i64,
        reason: Reason,
    ) -> Result<Accepted, NotDone> {
        context.authorize(Action::AdjustStock, None)?;
        self.change(context, sku, Command::Adjust { delta, reason }).await
    }

    async fn change(&self, context: Context, sku: Sku, command: Command) -> Result<Accepted, NotDone> {
        let if_match = context.if_match;
        let decide = move |work: &mut Work<'_>| {
            let id = sku.as_str();
            work.need([Wanted::of::<Product>(id), Wanted::of::<Stock>(id)])?;
            if work.state::<Product>(id)?.details().is_none() {
                return Err(Refusal::not_found(format!("there is no product {sku}")).into());
            }
            work.expect_version::<Stock>(id, if_match)?;
            work.execute::<Stock>(id, command.clone())?;
            let stock = *work.state::<Stock>(id)?;
            let version = work.version::<Stock>(id)?;
            let available = stock.available();
            let Stock { on_hand, held, allocated } = stock;
            let body = Body { id: &sku, sku: &sku, on_hand, held, allocated, available, version };
            Ok(Receipt::new(false, &sku, version, &body)?)
        };
        self.0.submit(context, 1_024, Box::new(decide)).await
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a Sku,
    sku: &'a Sku,
    on_hand: i64,
    held: i64,
    allocated: i64,
    available: i64,
    version: i64,
}
