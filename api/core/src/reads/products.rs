//! The catalogue, by SKU.

use daybook_domain::policy::Action;
use daybook_projections::read_models::products::Filter;

use super::{
    access::{Access, Visible},
    error::ReadError,
    found::{Found, Page},
    product::{Product, ProductBySku},
    read::{Read, Scope},
    turn::Turn,
};

const MAX_SEARCH_CHARS: usize = 100;

/// A page of the catalogue.
#[derive(Debug)]
pub struct Products {
    /// Part of a SKU or a name, however it is written: in NFKC with case folding.
    pub q: Option<String>,
    /// 1–100.
    pub limit: u16,
    pub turn: Turn,
}

pub type ProductPage = Page<Product>;

impl Read for Products {
    const NAME: &'static str = "product.page";
    const ACCESS: Access = Access::Public(Action::ReadUnpublishedProduct);
    type View = ProductPage;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<ProductPage>, ReadError> {
        if self.q.as_ref().is_some_and(|q| q.chars().count() > MAX_SEARCH_CHARS || q.contains('\0')) {
            return Err(ReadError::Invalid("q has at most 100 characters, and NUL is none of them"));
        }
        let filter = Filter {
            q: self.q.clone().filter(|q| !q.is_empty()),
            only_published: scope.visible() != Visible::All,
            limit: self.limit,
            place: self.turn.place(Self::NAME)?,
        };
        scope.page::<ProductBySku, _>(&filter).await
    }
}
