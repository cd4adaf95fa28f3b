//! A customer hears of their order: placed, shipped, cancelled.

use super::{Effect, EffectKind};
use crate::{
    Record,
    order::{Event, Order},
    stored::Unreadable,
};

/// Only the first event says whether the order has an address to write to. The performer of the mail reads
/// the whole stream and finds out.
pub fn react(record: &Record) -> Result<Vec<Effect>, Unreadable> {
    let kind = match record.event::<Order>()? {
        Some(Event::Placed(placement)) if placement.contact.is_some() => EffectKind::MailOrderPlaced,
        Some(Event::Shipped { .. }) => EffectKind::MailOrderShipped,
        Some(Event::Cancelled { .. }) => EffectKind::MailOrderCancelled,
        Some(
            Event::Placed(_)
            | Event::Confirmed {}
            | Event::Delivered {}
            | Event::LinesCancelled { .. }
            | Event::Claimed { .. },
        )
        | None => return Ok(vec![]),
    };
    // One that had to be tried again would come behind the next, and say that an order was placed that is shipped already.
    let order_key = Some(record.aggregate_id.clone());
    Ok(vec![Effect { order_key, ..Effect::new(kind, &record.aggregate_id) }])
}
