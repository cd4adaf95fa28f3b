//! The rates of a country: by class and region, each from a day on.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{class::TaxClass, region::Region, treatment::Treatment};

/// A country has at most this many rates, former and future ones included.
pub const MAX_RATES: usize = 5_000;

/// How things of a class are taxed from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedRate {
    pub class: TaxClass,
    /// `None`: in all regions that have no rate of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The first day.
    pub valid_from: NaiveDate,
    #[serde(flatten)]
    pub treatment: Treatment,
}

/// All rates of a country.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// In the order of [`key`].
    rates: Vec<DatedRate>,
}

/// Each key has one rate.
fn key(rate: &DatedRate) -> (&TaxClass, Option<&Region>, NaiveDate) {
    (&rate.class, rate.region.as_ref(), rate.valid_from)
}

/// Why a rate can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateRefused {
    #[error("such things have a rate today, so another one begins tomorrow or later")]
    InForce,
    #[error("a country has at most {MAX_RATES} rates")]
    TooMany,
}

impl Rates {
    /// How things of a class are taxed on a day, or `None` if that is not known: the newest rate of the region that had
    /// begun by then, else that of the country.
    pub fn on(&self, day: NaiveDate, class: &TaxClass, region: Option<&Region>) -> Option<Treatment> {
        let newest = |region: Option<&Region>| {
            let behind = self.rates.partition_point(|rate| key(rate) <= (class, region, day));
            let rate = self.rates.get(behind.checked_sub(1)?)?;
            (rate.class == *class && rate.region.as_ref() == region).then_some(rate.treatment)
        };
        let of_region = region.and_then(|region| newest(Some(region)));
        of_region.or_else(|| newest(None))
    }

    /// Refuses what would change how things are taxed today or were taxed before. Where nothing was known of them, a
    /// rate may begin in the past.
    pub fn check(&self, new: &DatedRate, today: NaiveDate) -> Result<(), RateRefused> {
        let place = self.place(new);
        if self.has(new) {
            return Ok(());
        }
        let is_known = self.on(today, &new.class, new.region.as_ref()).is_some();
        if is_known && new.valid_from <= today {
            Err(RateRefused::InForce)
        } else if place.is_err() && self.rates.len() >= MAX_RATES {
            Err(RateRefused::TooMany)
        } else {
            Ok(())
        }
    }

    /// Sets a rate that was [checked](Self::check), in place of one that begins on the same day. Returns whether that
    /// changed anything.
    pub fn set(&mut self, new: DatedRate) -> bool {
        match self.place(&new) {
            Ok(place) => std::mem::replace(&mut self.rates[place], new.clone()) != new,
            Err(place) => {
                self.rates.insert(place, new);
                true
            }
        }
    }

    /// All of them, in the order of class, region and first day.
    pub fn all(&self) -> &[DatedRate] {
        &self.rates
    }

    pub(super) fn has(&self, rate: &DatedRate) -> bool {
        self.place(rate).is_ok_and(|place| self.rates[place] == *rate)
    }

    fn place(&self, rate: &DatedRate) -> Result<usize, usize> {
        self.rates.binary_search_by(|other| key(other).cmp(&key(rate)))
    }
}
