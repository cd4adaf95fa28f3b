//! Ids that Daybook gives: a prefix that says what it is, and a UUIDv7 (RFC 9562) that sorts by time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares one kind of id: its type, its prefix, and the error of a text that is none.
macro_rules! id {
    ($(#[$about:meta])* $name:ident, $prefix:literal, $invalid:ident, $what:literal) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        #[derive(Debug, thiserror::Error)]
        #[error("not {}: {} and 32 hexadecimal digits", $what, $prefix)]
        pub struct $invalid;

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", Self::PREFIX, self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = $invalid;

            /// Takes only the form that is printed, so a thing has one name.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = text.strip_prefix(Self::PREFIX).and_then(|hex| Uuid::try_parse(hex).ok()).map(Self);
                id.filter(|id| id.to_string() == text).ok_or($invalid)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id! {
    /// `ord_` and 32 hexadecimal digits.
    OrderId, "ord_", InvalidOrderId, "an order id"
}

id! {
    /// `acc_` and 32 hexadecimal digits. It is the `sub` of the account's tokens, and so its customer's name in orders.
    AccountId, "acc_", InvalidAccountId, "an account id"
}

id! {
    /// `prc_` and 32 hexadecimal digits.
    PriceChangeId, "prc_", InvalidPriceChangeId, "the id of a price change"
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

    /// Catches: an id of one kind that is taken for one of another.
    #[test]
    fn a_prefix_says_what_an_id_is_of() {
        let uuid = Uuid::from_u128(7);
        assert!(OrderId::new(uuid).to_string().parse::<AccountId>().is_err());
        let account = AccountId::new(uuid);
        assert_eq!(account.to_string(), "acc_00000000000000000000000000000007");
        assert_eq!(account.to_string().parse::<AccountId>().expect("its own form"), account);
        assert_eq!(InvalidAccountId.to_string(), "not an account id: acc_ and 32 hexadecimal digits");
        assert_eq!(InvalidOrderId.to_string(), "not an order id: ord_ and 32 hexadecimal digits");
    }
}
