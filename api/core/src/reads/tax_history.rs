//! What happened to the tax rates of a country.

use daybook_domain::{contact::Country, policy::Action, tax::Rates};

use super::{
    access::Access,
    error::ReadError,
    found::Found,
    history::{Change, History, Part},
    read::{Read, Scope},
    tax::TaxByCountry,
};

/// A page of what happened to the tax rates of a country.
#[derive(Debug)]
pub struct TaxHistory {
    pub country: Country,
    pub part: Part,
}

impl Read for TaxHistory {
    const NAME: &'static str = "tax.history";
    const ACCESS: Access = Access::rule(Action::ReadTaxRate);
    type View = History;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<History>, ReadError> {
        // It says why a rate is what it is, and not why it was set.
        let adapt = |change: &mut Change| {
            if let Some(reason) = change.why.take() {
                change.details["reason"] = reason.into();
            }
        };
        scope.history::<TaxByCountry, Rates>(self.country.as_str(), &self.part, adapt).await
    }
}
