//! What a database may hold only when every process that uses it can read it: each is turned on once, for good, by an
//! operator, when no process of a release without it is left.

use crate::words;

words! {
    /// `daybook features enable` knows them by these names. Stored for ever: add variants, never edit or remove one.
    pub enum Feature {
        CancelLines = "cancel_lines",
        SealNotes = "seal_notes",
        ClaimOrders = "claim_orders",
        ExpireOrders = "expire_orders",
        Tax = "tax",
    }
}

impl Feature {
    /// What it turns on.
    pub const fn about(self) -> &'static str {
        match self {
            Self::CancelLines => "Lines and pieces of an order can be cancelled apart from the rest.",
            Self::SealNotes => {
                "Reasons and tracking numbers of orders are sealed with the key of the person whose order it is."
            }
            Self::ClaimOrders => "A guest's order can become an account's own.",
            Self::ExpireOrders => {
                "Orders that are not confirmed in time end by themselves, if commands.hold_ttl says when."
            }
            Self::Tax => {
                "Countries have tax rates, products have tax classes and scheduled prices, and orders have their taxes, \
                 if commands.tax.home says where the shop is."
            }
        }
    }

    /// What is said where it is needed and not enabled.
    pub fn is_missing(self) -> String {
        format!("this is not turned on here: it needs the feature {self}")
    }

    /// The first release that knows it.
    pub const fn since(self) -> &'static str {
        match self {
            Self::CancelLines | Self::SealNotes | Self::ClaimOrders | Self::ExpireOrders | Self::Tax => {
                "0.2.0"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are kept as bits of a number of 32.
    #[test]
    fn there_is_room_for_all_of_them() {
        assert!(Feature::ALL.len() <= 32);
    }
}
