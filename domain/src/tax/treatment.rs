//! How a thing is taxed: a rate, and the reason for it.

use serde::{Deserialize, Serialize};

use crate::{money::Rate, words};

words! {
    /// Why a rate is what it is: the categories of EN 16931. Stored for ever: add words, never rename one.
    pub enum TaxReason {
        /// There is a rate, and it is not 0.
        Standard = "standard",
        /// The rate of such things is 0.
        Zero = "zero",
        /// The goods leave the area of the tax.
        Export = "export",
        /// The buyer owes the tax.
        ReverseCharge = "reverse_charge",
        /// Goods for a business in another member state, which declares them there.
        IntraCommunity = "intra_community",
        /// The law exempts it.
        Exempt = "exempt",
        /// It is no matter of this tax.
        NotSubject = "not_subject",
    }
}

/// A rate with its reason. It is not 0 if and only if the reason is [`TaxReason::Standard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Treatment {
    #[serde(rename = "rate_ppm", default, skip_serializing_if = "is_zero")]
    rate: Rate,
    reason: TaxReason,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(rate: &Rate) -> bool {
    *rate == Rate::ZERO
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate that is not 0 has the reason standard, and only such a rate has it")]
pub struct InvalidTreatment;

impl Treatment {
    /// Without a reason, a rate of 0 is [`TaxReason::Zero`].
    pub fn new(rate: Rate, reason: Option<TaxReason>) -> Result<Self, InvalidTreatment> {
        let is_taxed = rate != Rate::ZERO;
        let reason = reason.unwrap_or(if is_taxed { TaxReason::Standard } else { TaxReason::Zero });
        if is_taxed == (reason == TaxReason::Standard) {
            Ok(Self { rate, reason })
        } else {
            Err(InvalidTreatment)
        }
    }

    /// A rate of 0 for a reason that is not [`TaxReason::Standard`].
    pub(super) const fn untaxed(reason: TaxReason) -> Self {
        Self { rate: Rate::ZERO, reason }
    }

    pub const fn rate(self) -> Rate {
        self.rate
    }

    pub const fn reason(self) -> TaxReason {
        self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_belongs_to_a_rate() {
        let rate = |text: &str| text.parse::<Rate>().expect("a rate");
        let reason = |text, reason| Treatment::new(rate(text), reason).map(Treatment::reason);
        assert_eq!(reason("19", None), Ok(TaxReason::Standard));
        assert_eq!(reason("0", None), Ok(TaxReason::Zero));
        for word in TaxReason::ALL {
            let is_standard = word == TaxReason::Standard;
            assert_eq!(reason("19", Some(word)).is_ok(), is_standard, "{word}");
            assert_eq!(reason("0", Some(word)).is_ok(), !is_standard, "{word}");
        }
    }

    #[test]
    fn a_rate_of_zero_is_not_written() {
        let written = |text: &str| {
            let treatment = Treatment::new(text.parse().expect("a rate"), None).expect("a treatment");
            let written = serde_json::to_string(&treatment).expect("JSON");
            assert_eq!(serde_json::from_str::<Treatment>(&written).expect("the same"), treatment);
            written
        };
        assert_eq!(written("19"), r#"{"rate_ppm":190000,"reason":"standard"}"#);
        assert_eq!(written("0"), r#"{"reason":"zero"}"#);
    }
}
