//! Stock by SKU.

pub mod adjust;
pub mod get;
pub mod history;
pub mod receive;

pub const COLLECTION: &str = "/v1/stock";
