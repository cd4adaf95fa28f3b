//! What is kept of a person beside the log goes when they leave, also if the process that they asked dies before it is gone.

use super::{Effect, EffectKind};
use crate::{
    Record,
    account::{Account, Event},
    stored::Unreadable,
};

pub fn react(record: &Record) -> Result<Vec<Effect>, Unreadable> {
    let is_erased = matches!(record.event::<Account>()?, Some(Event::Erased {}));
    let erase = || Effect::new(EffectKind::AccountErase, &record.aggregate_id);
    Ok(is_erased.then(erase).into_iter().collect())
}
