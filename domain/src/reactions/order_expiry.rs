//! An order that is to be paid by a time is looked at when that has come.

use super::{Effect, EffectKind};
use crate::{
    Record,
    order::{Event, Order},
    stored::Unreadable,
};

pub fn react(record: &Record) -> Result<Vec<Effect>, Unreadable> {
    let due = match record.event::<Order>()? {
        Some(Event::Placed(placement)) => placement.pay_until,
        _ => None,
    };
    let expire =
        |due| Effect { due: Some(due), ..Effect::new(EffectKind::OrderExpire, &record.aggregate_id) };
    Ok(due.map(expire).into_iter().collect())
}
