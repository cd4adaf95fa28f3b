//! The whole policy: a table with a line for each protected action.

use super::roles::Role;

/// Everything that needs permission, in the order of [`RULES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    CreateProduct,
    DescribeProduct,
    PriceProduct,
    ScheduleProductPrice,
    SetProductTaxClass,
    PublishProduct,
    ArchiveProduct,
    ReadUnpublishedProduct,
    ReceiveStock,
    AdjustStock,
    ReadStock,
    SetTaxRate,
    ReadTaxRate,
    /// What an order would come to.
    AskQuote,
    PlaceOrder,
    PlaceOrderForOther,
    OverridePrice,
    ConfirmOrder,
    CancelOrder,
    ShipOrder,
    DeliverOrder,
    ReadOrder,
    ListAllOrders,
    /// Orders that are confirmed or further.
    ReadOrderToShip,
    ReadSales,
    ReadEvents,
    Operate,
    RevokeKey,
    /// Accounts of others; everyone may register their own.
    RegisterAccount,
    ManageAccount,
    ReadAccount,
    FindAccounts,
    /// Those of others, which are looked at by the same rule.
    EndSessions,
    GrantRoles,
    ReadAudit,
    /// To give a guest's order to the customer who placed it: for Daybook itself, which has seen that it is theirs.
    ClaimOrder,
}

/// Who may do something with what is their own, beside those who may do it with everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    No,
    /// Callers with the role `customer`.
    Customer,
    /// Everyone with a token, whatever its roles.
    Anyone,
}

/// The rule of one action. `admin` may do everything.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub action: Action,
    pub name: &'static str,
    /// Any of these roles will do.
    pub roles: &'static [Role],
    pub own: Own,
    /// Whether an API key can have it. What people do with their own account, and what gives or takes rights, is not
    /// for programs.
    pub is_scope: bool,
    /// Whether only `admin` gives it: no role that an operator makes has it.
    pub is_for_admins: bool,
}

const fn rule(action: Action, name: &'static str, roles: &'static [Role], own: Own) -> Rule {
    Rule { action, name, roles, own, is_scope: true, is_for_admins: false }
}

impl Rule {
    const fn never_a_scope(self) -> Self {
        Self { is_scope: false, ..self }
    }

    const fn for_admins(self) -> Self {
        Self { is_for_admins: true, ..self }.never_a_scope()
    }
}

/// One line for each action, in the same order.
pub const RULES: &[Rule] = &[
    rule(Action::CreateProduct, "product.create", &[Role::Merchandiser], Own::No),
    rule(Action::DescribeProduct, "product.describe", &[Role::Merchandiser], Own::No),
    rule(Action::PriceProduct, "product.price", &[Role::Merchandiser], Own::No),
    rule(Action::ScheduleProductPrice, "product.schedule_price", &[Role::Merchandiser], Own::No),
    rule(Action::SetProductTaxClass, "product.tax_class", &[Role::Merchandiser], Own::No),
    rule(Action::PublishProduct, "product.publish", &[Role::Merchandiser], Own::No),
    rule(Action::ArchiveProduct, "product.archive", &[Role::Merchandiser], Own::No),
    rule(Action::ReadUnpublishedProduct, "product.read_unpublished", &[Role::Merchandiser], Own::No),
    rule(Action::ReceiveStock, "stock.receive", &[Role::Warehouse], Own::No),
    rule(Action::AdjustStock, "stock.adjust", &[Role::Warehouse], Own::No),
    rule(Action::ReadStock, "stock.read", &[Role::Warehouse, Role::Merchandiser, Role::Support], Own::No),
    rule(Action::SetTaxRate, "tax.set", &[], Own::No),
    rule(Action::ReadTaxRate, "tax.read", &[Role::Merchandiser, Role::Support, Role::Analyst], Own::No),
    rule(Action::AskQuote, "quote.ask", &[Role::Support, Role::Merchandiser], Own::Customer),
    rule(Action::PlaceOrder, "order.place", &[Role::Support], Own::Customer),
    rule(Action::PlaceOrderForOther, "order.place_for_other", &[Role::Support], Own::No),
    rule(Action::OverridePrice, "order.override_price", &[Role::Support], Own::No),
    rule(Action::ConfirmOrder, "order.confirm", &[Role::Support, Role::Warehouse], Own::No),
    rule(Action::CancelOrder, "order.cancel", &[Role::Support], Own::Customer),
    rule(Action::ShipOrder, "order.ship", &[Role::Warehouse], Own::No),
    rule(Action::DeliverOrder, "order.deliver", &[Role::Warehouse], Own::No),
    rule(Action::ReadOrder, "order.read", &[Role::Support], Own::Customer),
    rule(Action::ListAllOrders, "order.list_all", &[Role::Support], Own::No),
    rule(Action::ReadOrderToShip, "order.read_to_ship", &[Role::Warehouse], Own::No),
    rule(Action::ReadSales, "sales.read", &[Role::Analyst, Role::Merchandiser], Own::No),
    rule(Action::ReadEvents, "events.read", &[Role::Analyst], Own::No),
    rule(Action::Operate, "operate", &[Role::Operator], Own::No),
    // It ends the tokens of everyone, operators included.
    rule(Action::RevokeKey, "key.revoke", &[], Own::No).for_admins(),
    rule(Action::RegisterAccount, "account.register", &[], Own::No).never_a_scope(),
    rule(Action::ManageAccount, "account.manage", &[], Own::Anyone).never_a_scope(),
    rule(Action::ReadAccount, "account.read", &[Role::Support], Own::Anyone).never_a_scope(),
    rule(Action::FindAccounts, "account.find", &[Role::Support], Own::No),
    rule(Action::EndSessions, "account.end_sessions", &[Role::Support], Own::No).never_a_scope(),
    rule(Action::GrantRoles, "account.grant_roles", &[], Own::No).for_admins(),
    rule(Action::ReadAudit, "audit.read", &[], Own::No).never_a_scope(),
    rule(Action::ClaimOrder, "order.claim", &[], Own::No).for_admins(),
];

impl Action {
    /// Its line in [`RULES`].
    pub const fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a line of the table that another action is checked by.
    #[test]
    fn every_action_has_the_line_of_its_number() {
        for (index, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.action as usize, index, "{}", rule.name);
            assert_eq!(RULES.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
        }
        assert_eq!(RULES.len(), Action::ClaimOrder as usize + 1, "the last action");
    }

    #[test]
    fn what_is_about_ones_own_account_or_gives_rights_is_no_scope() {
        use Action::{
            ClaimOrder, EndSessions, GrantRoles, ManageAccount, ReadAccount, ReadAudit, RegisterAccount,
            RevokeKey,
        };
        let beside = [
            RegisterAccount,
            ManageAccount,
            ReadAccount,
            EndSessions,
            GrantRoles,
            ReadAudit,
            RevokeKey,
            ClaimOrder,
        ];
        for rule in RULES {
            assert_eq!(rule.is_scope, !beside.contains(&rule.action), "{}", rule.name);
            assert!(rule.own != Own::Anyone || !rule.is_scope, "{}", rule.name);
            assert_eq!(
                rule.is_for_admins,
                [GrantRoles, RevokeKey, ClaimOrder].contains(&rule.action),
                "{}",
                rule.name
            );
            assert!(!rule.is_for_admins || rule.roles.is_empty(), "{}", rule.name);
        }
    }
}
