//! Prices that hold for a time, instead of those that are set.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::PriceChangeId,
    money::{Currency, Price},
};

/// A product has at most this many price changes that have not ended.
pub const MAX_PRICE_CHANGES: usize = 20;

/// How late the clock of a client may be that lets a price change begin now.
const LATENESS: TimeDelta = TimeDelta::seconds(60);
/// Ten years, leap days included.
const FURTHEST: TimeDelta = TimeDelta::days(3_653);

/// A price that holds from one time until another one, which no longer belongs to it. Times are whole seconds.
///
/// Stored for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceChange {
    #[serde(rename = "price_change")]
    pub id: PriceChangeId,
    pub price: Price,
    pub from: DateTime<Utc>,
    /// `None`: it holds until it is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimes {
    #[error("a price is changed from now on, or from a later time")]
    BeginsInThePast,
    #[error("a price change begins within ten years")]
    BeginsTooLate,
    #[error("a price change ends after it begins")]
    EndsTooSoon,
    #[error("a price change ends within ten years, or has no end")]
    EndsTooLate,
}

impl PriceChange {
    pub fn holds_at(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && !self.has_ended(time)
    }

    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(super) fn check_times(&self, now: DateTime<Utc>) -> Result<(), InvalidTimes> {
        if now - self.from > LATENESS {
            return Err(InvalidTimes::BeginsInThePast);
        }
        if self.from - now > FURTHEST {
            return Err(InvalidTimes::BeginsTooLate);
        }
        match self.until {
            Some(until) if until <= self.from => Err(InvalidTimes::EndsTooSoon),
            Some(until) if until - now > FURTHEST => Err(InvalidTimes::EndsTooLate),
            _ => Ok(()),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.price.currency() == other.price.currency()
            && !self.has_ended(other.from)
            && !other.has_ended(self.from)
    }
}

/// The price changes of a product, in the order in which they begin. One that has ended stays until its place is needed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceChanges(Vec<PriceChange>);

impl PriceChanges {
    pub fn iter(&self) -> impl Iterator<Item = &PriceChange> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The price of the one that holds at this time, if one does.
    pub fn price_at(&self, currency: Currency, time: DateTime<Utc>) -> Option<Price> {
        let holds = |change: &&PriceChange| change.price.currency() == currency && change.holds_at(time);
        self.0.iter().find(holds).map(|change| change.price)
    }

    pub(super) fn get(&self, id: PriceChangeId) -> Option<&PriceChange> {
        self.0.iter().find(|change| change.id == id)
    }

    pub(super) fn overlapped_by(&self, change: &PriceChange) -> Option<&PriceChange> {
        self.0.iter().find(|other| other.overlaps(change))
    }

    /// How many have not ended.
    pub(super) fn open_at(&self, now: DateTime<Utc>) -> usize {
        self.0.iter().filter(|change| !change.has_ended(now)).count()
    }

    pub fn add(&mut self, change: PriceChange) {
        if self.0.len() >= MAX_PRICE_CHANGES {
            // It was not refused, so one of them has ended, and that one ends first.
            let ends = |change: &PriceChange| change.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
            let first = self.0.iter().enumerate().min_by_key(|(_, change)| ends(change));
            if let Some((place, _)) = first {
                self.0.remove(place);
            }
        }
        let place = self.0.partition_point(|other| other.from <= change.from);
        self.0.insert(place, change);
    }

    pub fn remove(&mut self, id: PriceChangeId) {
        self.0.retain(|change| change.id != id);
    }

    pub fn forget_ended(&mut self, now: DateTime<Utc>) {
        self.0.retain(|change| !change.has_ended(now));
    }

    pub(super) fn weight(&self) -> usize {
        self.0.len() * size_of::<PriceChange>()
    }
}
