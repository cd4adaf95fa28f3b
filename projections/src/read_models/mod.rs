//! Read models: a row is the fold of one stream, and its key is the stream's id.
//!
//! To add one: a file like its neighbours, and a line in [`READ_MODELS`]. Its table is made, filled and
//! followed by the running server.

mod definition;
mod list;
pub mod orders;
pub mod products;
pub mod stock;
#[cfg(test)]
pub(crate) mod testing;

pub use definition::{Column, ReadModel};
pub(crate) use definition::{Definition, Fold, Written};
pub use list::List;

/// Every read model.
pub(crate) static READ_MODELS: &[Definition] = &[
    Definition::of::<products::Products>(),
    Definition::of::<stock::StockLevels>(),
    Definition::of::<orders::Orders>(),
];

/// The one of this name.
pub(crate) fn named(name: &str) -> Option<&'static Definition> {
    READ_MODELS.iter().find(|definition| definition.name == name)
}
