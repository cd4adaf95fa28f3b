//! Orders.

pub mod cancel;
pub mod confirm;
pub mod deliver;
pub mod get;
pub mod history;
pub mod list;
pub mod place;
pub mod ship;

pub const COLLECTION: &str = "/v1/orders";
