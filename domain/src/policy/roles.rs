//! Roles: what people are in the shop. They are named by tokens and accounts, and come to rules.

use crate::words;

words! {
    /// What a caller is allowed to be.
    pub enum Role {
        Customer = "customer",
        Merchandiser = "merchandiser",
        Warehouse = "warehouse",
        Support = "support",
        Analyst = "analyst",
        Operator = "operator",
        Admin = "admin",
    }
}

impl Role {
    /// What those who have it are there for.
    pub fn description(self) -> &'static str {
        match self {
            Self::Customer => "Places orders, and sees and cancels their own.",
            Self::Merchandiser => "Makes products, prices them and puts them on sale.",
            Self::Warehouse => "Receives and counts stock, and ships orders.",
            Self::Support => "Helps customers with their orders and accounts.",
            Self::Analyst => "Reads sales and events.",
            Self::Operator => "Looks after the running system.",
            Self::Admin => "May do everything, and gives others their roles.",
        }
    }
}

/// The roles of one caller, of those that Daybook brings along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | 1 << role as u8))
    }
}
