use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::rates::{DatedRate, RateRefused, Rates};
use crate::{
    code::GeneralCode,
    codes,
    decider::{self, Decider},
    rejection_codes,
};

#[derive(Debug, Clone)]
pub enum Command {
    SetRate { rate: DatedRate, today: NaiveDate },
}

/// Stored for ever: add variants, never edit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "TaxRateSet")]
    RateSet(DatedRate),
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::RateSet(_) => "TaxRateSet",
        }
    }
}

codes! {
    "codes",
    /// Why a tax isn't known, or can't be set.
    pub enum TaxCode {
        Unknown = Invalid, "tax_unknown", "Tax unknown";
        RateInForce = Invalid, "tax_rate_in_force", "Tax rate in force";
    }
}

rejection_codes! {
    RateRefused {
        InForce => TaxCode::RateInForce,
        TooMany => GeneralCode::ValidationFailed,
    }
}

impl Decider for Rates {
    const KIND: &'static str = "tax";
    type Command = Command;
    type Event = Event;
    type Rejection = RateRefused;
    const SHAPE: u16 = 1;

    fn decide(&self, command: Command) -> Result<Vec<Event>, RateRefused> {
        let Command::SetRate { rate, today } = command;
        self.check(&rate, today)?;
        Ok(if self.has(&rate) { vec![] } else { vec![Event::RateSet(rate)] })
    }

    fn evolve(mut self, event: &Event) -> Self {
        let Event::RateSet(rate) = event;
        self.set(rate.clone());
        self
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.all().len() * (size_of::<DatedRate>() + 16)
    }
}
