//! The use case of taxes.

mod set_rate;

use daybook_domain::contact::Country;
use serde::{Deserialize, Serialize};

use crate::use_case::Outcome;

pub use set_rate::SetTaxRate;

/// The taxes of a country after the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaxOutcome {
    /// The country, as every outcome names its thing.
    pub id: Country,
    pub country: Country,
    pub version: i64,
}

impl Outcome for TaxOutcome {
    fn id(&self) -> String {
        self.country.as_str().to_owned()
    }

    fn version(&self) -> i64 {
        self.version
    }
}
