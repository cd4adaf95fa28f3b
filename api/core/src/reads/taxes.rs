//! The countries that have tax rates.

use daybook_domain::policy::Action;
use daybook_projections::read_models::taxes::Filter;

use super::{
    access::Access,
    error::ReadError,
    found::{Found, Page},
    read::{Read, Scope},
    tax::{Tax, TaxByCountry},
    turn::Turn,
};

/// A page of countries with their rates.
#[derive(Debug)]
pub struct Taxes {
    /// 1–100.
    pub limit: u16,
    pub turn: Turn,
}

pub type TaxPage = Page<Tax>;

impl Read for Taxes {
    const NAME: &'static str = "taxes.page";
    const ACCESS: Access = Access::rule(Action::ReadTaxRate);
    type View = TaxPage;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<TaxPage>, ReadError> {
        let filter = Filter { limit: self.limit, place: self.turn.place(Self::NAME)? };
        scope.page::<TaxByCountry, _>(&filter).await
    }
}
