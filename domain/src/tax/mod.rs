//! Taxes on what is sold: which rate a thing has where it is taxed, and why it has none where it has none. The rates of
//! a country are a stream: `tax/{country}`.
//!
//! What is in here are rules that the law has in common. The rates themselves are the shop's to know.

mod class;
mod decide;
mod place;
mod rates;
mod region;
#[cfg(test)]
mod tests;
mod treatment;
mod vat_id;

pub use class::{InvalidTaxClass, TaxClass};
pub use decide::{Command, Event, TaxCode};
pub use place::{Buyer, BuyerKind, Supply, TaxRules, VatIdState};
pub use rates::{DatedRate, MAX_RATES, RateRefused, Rates};
pub use region::{InvalidRegion, Region};
pub use treatment::{InvalidTreatment, TaxReason, Treatment};
pub use vat_id::{InvalidVatId, MEMBER_STATES, MemberState, VatId};
