//! What can be read, for every interface: a read says who may read, finds what the caller is shown, and
//! answers with a typed view. It knows of no interface, and an interface decides nothing: it makes a read
//! of a request and writes the view in its own form.
//!
//! To add one: a file like its neighbours, and a line in [`READS`].

mod access;
mod error;
mod events;
mod found;
mod history;
mod order;
mod order_history;
mod orders;
mod product;
mod product_history;
mod products;
mod read;
mod sales;
mod stock;
mod stock_history;
mod tax;
mod tax_history;
pub mod taxed;
mod taxes;
mod turn;

pub use access::{Access, Owner, Visible};
pub use error::ReadError;
pub use events::Events;
pub use found::{Beside, Form, Found, Kept, Page};
pub use history::{Change, History, Part};
pub use order::{Order, OrderById, OrderLine};
pub use order_history::OrderHistory;
pub use orders::{OrderPage, Orders};
pub use product::{Product, ProductBySku};
pub use product_history::ProductHistory;
pub use products::{ProductPage, Products};
pub use read::{Conditions, Item, Making, Read, Reads, Scope};
pub use sales::{CancelledSales, Sales, SalesGroup, SalesPage};
pub use stock::{Stock, StockBySku};
pub use stock_history::StockHistory;
pub use tax::{Tax, TaxByCountry, TaxRate};
pub use tax_history::TaxHistory;
pub use taxed::{TaxGroup, Taxation};
pub use taxes::{TaxPage, Taxes};
pub use turn::Turn;

/// A read without its types: its name and its rule.
pub type Description = (&'static str, Access);

const fn of<R: Read>() -> Description {
    (R::NAME, R::ACCESS)
}

/// Every read.
pub const READS: &[Description] = &[
    of::<OrderById>(),
    of::<Orders>(),
    of::<OrderHistory>(),
    of::<ProductBySku>(),
    of::<Products>(),
    of::<ProductHistory>(),
    of::<StockBySku>(),
    of::<StockHistory>(),
    of::<TaxByCountry>(),
    of::<Taxes>(),
    of::<TaxHistory>(),
    of::<Sales>(),
    (Events::NAME, Events::ACCESS),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers are kept under the name of their read.
    #[test]
    fn every_read_has_its_own_name() {
        for (name, _) in READS {
            assert_eq!(READS.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
    }
}
