//! Ids that Daybook gives: a prefix that says what it is, and a UUIDv7 (RFC 9562) that sorts by time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `ord_` and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(Uuid);

#[derive(Debug, thiserror::Error)]
#[error("not an order id: ord_ and 32 hexadecimal digits")]
pub struct InvalidOrderId;

impl OrderId {
    pub const PREFIX: &'static str = "ord_";

    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.simple())
    }
}

impl FromStr for OrderId {
    type Err = InvalidOrderId;

    /// Takes only the form that is printed, so an order has one name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.strip_prefix(Self::PREFIX).and_then(|hex| Uuid::try_parse(hex).ok()).map(Self);
        id.filter(|id| id.to_string() == text).ok_or(InvalidOrderId)
    }
}

impl TryFrom<String> for OrderId {
    type Error = InvalidOrderId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_has_one_spelling() {
        let id = OrderId::new(Uuid::from_u128(0x0192_abcd_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string().parse::<OrderId>().expect("its own form"), id);
        let upper = id.to_string().to_uppercase().replace("ORD_", "ord_");
        assert!(upper.parse::<OrderId>().is_err());
        assert!("ord_0192abcd-0000-7000-8000-000000000001".parse::<OrderId>().is_err());
    }
}
