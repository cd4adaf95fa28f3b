//! Read models: a row is the fold of one stream, and its key is the stream's id. Some are tallies, which
//! also keep sums over all rows.
//!
//! To add one: a file like its neighbours, and a line in [`READ_MODELS`]. Its tables are made, filled and
//! followed by the running server.

mod definition;
mod list;
pub mod orders;
pub mod products;
pub mod sales;
pub mod stock;
mod tally;
pub mod taxes;
#[cfg(test)]
pub(crate) mod testing;

pub use definition::{Column, ReadModel, Tally};
pub(crate) use definition::{Definition, Fold, TRIGRAMS, Written};
pub use list::{Groups, List, Place};
pub(crate) use tally::{Contribution, Shape};
pub use tally::{Key, Sums};

/// Every read model.
pub(crate) static READ_MODELS: &[Definition] = &[
    Definition::of::<products::Products>(),
    Definition::of::<stock::StockLevels>(),
    Definition::of::<orders::Orders>(),
    Definition::of::<taxes::Taxes>(),
    Definition::of_tally::<sales::Sales>(),
];

/// The one of this name.
pub(crate) fn named(name: &str) -> Option<&'static Definition> {
    READ_MODELS.iter().find(|definition| definition.name == name)
}
