//! Rates as texts: a number would be read as one with an error in it by many clients.

use std::str::FromStr;

use daybook_domain::money;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Type, schema::Schema},
};

/// A rate as a number of per cent: `19`, `8.875`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(pub money::Rate);

impl TryFrom<String> for Percent {
    type Error = <money::Rate as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Percent> for String {
    fn from(rate: Percent) -> Self {
        rate.0.to_string()
    }
}

impl PartialSchema for Percent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(8))
            .pattern(Some(r"^(0?[0-9]{1,2}(\.[0-9]{1,4})?|100(\.0{1,4})?)$"))
            .description(Some("A number of per cent, from 0 to 100, with at most four decimals"))
            .examples(["8.875"])
            .into()
    }
}

impl ToSchema for Percent {}
