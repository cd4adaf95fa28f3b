//! The catalogue.

pub mod archive;
pub mod create;
pub mod describe;
pub mod get;
pub mod history;
pub mod list;
pub mod price;
pub mod publish;
pub mod unpublish;

pub const COLLECTION: &str = "/v1/products";
