//! All that requests share.

use crate::{documents::Documents, types::Types};

pub struct Graph {
    pub types: Types,
    pub documents: Documents,
    /// The page for development, where clients may ask for the schema, too.
    pub page: Option<String>,
}
