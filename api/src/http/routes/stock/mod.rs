//! Stock by SKU.

pub mod adjust;
pub mod get;
pub mod receive;

pub const COLLECTION: &str = "/v1/stock";
