//! Who may do what: one rule for each protected action, one function that applies it.

use crate::{codes, words};

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

/// The roles of one caller.
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

/// The caller: the `sub` and `roles` of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub subject: String,
    pub roles: Roles,
}

/// Everything that needs permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    CreateProduct,
    DescribeProduct,
    PriceProduct,
    PublishProduct,
    ArchiveProduct,
    ReadUnpublishedProduct,
    ReceiveStock,
    AdjustStock,
    ReadStock,
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
}

/// The rule of one action. `admin` may do everything.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub action: Action,
    pub name: &'static str,
    /// Any of these roles will do.
    pub roles: &'static [Role],
    /// A customer may do it with what is their own.
    pub own: bool,
}

const fn rule(action: Action, name: &'static str, roles: &'static [Role], own: bool) -> Rule {
    Rule { action, name, roles, own }
}

/// The whole policy.
pub const RULES: &[Rule] = &[
    rule(Action::CreateProduct, "product.create", &[Role::Merchandiser], false),
    rule(Action::DescribeProduct, "product.describe", &[Role::Merchandiser], false),
    rule(Action::PriceProduct, "product.price", &[Role::Merchandiser], false),
    rule(Action::PublishProduct, "product.publish", &[Role::Merchandiser], false),
    rule(Action::ArchiveProduct, "product.archive", &[Role::Merchandiser], false),
    rule(Action::ReadUnpublishedProduct, "product.read_unpublished", &[Role::Merchandiser], false),
    rule(Action::ReceiveStock, "stock.receive", &[Role::Warehouse], false),
    rule(Action::AdjustStock, "stock.adjust", &[Role::Warehouse], false),
    rule(Action::ReadStock, "stock.read", &[Role::Warehouse, Role::Merchandiser, Role::Support], false),
    rule(Action::PlaceOrder, "order.place", &[Role::Support], true),
    rule(Action::PlaceOrderForOther, "order.place_for_other", &[Role::Support], false),
    rule(Action::OverridePrice, "order.override_price", &[Role::Support], false),
    rule(Action::ConfirmOrder, "order.confirm", &[Role::Support, Role::Warehouse], false),
    rule(Action::CancelOrder, "order.cancel", &[Role::Support], true),
    rule(Action::ShipOrder, "order.ship", &[Role::Warehouse], false),
    rule(Action::DeliverOrder, "order.deliver", &[Role::Warehouse], false),
    rule(Action::ReadOrder, "order.read", &[Role::Support], true),
    rule(Action::ListAllOrders, "order.list_all", &[Role::Support], false),
    rule(Action::ReadOrderToShip, "order.read_to_ship", &[Role::Warehouse], false),
    rule(Action::ReadSales, "sales.read", &[Role::Analyst, Role::Merchandiser], false),
    rule(Action::ReadEvents, "events.read", &[Role::Analyst], false),
    rule(Action::Operate, "operate", &[Role::Operator], false),
    // It ends the tokens of everyone, operators included.
    rule(Action::RevokeKey, "key.revoke", &[], false),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The action needs a role that the caller doesn't have.
    Forbidden,
    /// It belongs to another person: answer as if it didn't exist.
    Hidden,
}

/// An action that the caller must be allowed to do, and the owner of the thing that it is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub action: Action,
    pub owner: Option<String>,
}

codes! {
    "policy/codes",
    /// Why a caller may not do something, where the general codes don't say it.
    pub enum PolicyCode {
        Forbidden = Forbidden, "forbidden", "Forbidden";
    }
}

/// Checks whether `actor` may do this. `owner` is the owner of the thing that it is done to, if there is one.
pub fn authorize(actor: &Actor, action: Action, owner: Option<&str>) -> Result<(), Denied> {
    let rule = action.rule();
    let by_role = |role: &Role| actor.roles.contains(*role);
    if by_role(&Role::Admin) || rule.roles.iter().any(by_role) {
        return Ok(());
    }
    if !rule.own || !by_role(&Role::Customer) {
        return Err(Denied::Forbidden);
    }
    if owner == Some(actor.subject.as_str()) { Ok(()) } else { Err(Denied::Hidden) }
}

/// The same for what is demanded of `actor`.
pub fn check(actor: &Actor, demand: &Demand) -> Result<(), Denied> {
    authorize(actor, demand.action, demand.owner.as_deref())
}

/// May `actor` do this to anything at all? What is their own counts, whichever that is.
pub fn may_ever(actor: &Actor, action: Action) -> Result<(), Denied> {
    authorize(actor, action, Some(&actor.subject))
}

impl Action {
    /// Its line in [`RULES`].
    pub fn rule(self) -> &'static Rule {
        RULES.iter().find(|rule| rule.action == self).expect("every action has a rule")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(roles: &[Role]) -> Actor {
        Actor { subject: "alice".into(), roles: roles.iter().copied().collect() }
    }

    #[test]
    fn every_action_has_exactly_one_rule() {
        for rule in RULES {
            assert_eq!(RULES.iter().filter(|other| other.action == rule.action).count(), 1, "{}", rule.name);
            assert_eq!(RULES.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
        }
    }

    #[test]
    fn a_customer_may_cancel_their_own_order_and_sees_no_other() {
        let alice = actor(&[Role::Customer]);
        assert_eq!(authorize(&alice, Action::CancelOrder, Some("alice")), Ok(()));
        assert_eq!(authorize(&alice, Action::CancelOrder, Some("bob")), Err(Denied::Hidden));
        assert_eq!(authorize(&alice, Action::CancelOrder, None), Err(Denied::Hidden));
    }

    #[test]
    fn a_customer_may_do_to_something_what_they_may_do_to_their_own() {
        assert_eq!(may_ever(&actor(&[Role::Customer]), Action::CancelOrder), Ok(()));
        assert_eq!(may_ever(&actor(&[Role::Customer]), Action::ConfirmOrder), Err(Denied::Forbidden));
        assert_eq!(may_ever(&actor(&[]), Action::CancelOrder), Err(Denied::Forbidden));
    }

    #[test]
    fn owning_a_thing_gives_no_rights_without_the_customer_role() {
        assert_eq!(
            authorize(&actor(&[Role::Warehouse]), Action::CancelOrder, Some("alice")),
            Err(Denied::Forbidden)
        );
        assert_eq!(authorize(&actor(&[]), Action::CancelOrder, Some("alice")), Err(Denied::Forbidden));
    }

    #[test]
    fn each_role_may_do_what_its_rules_say_and_nothing_else() {
        for role in Role::ALL {
            for rule in RULES {
                let allowed = role == Role::Admin || rule.roles.contains(&role);
                assert_eq!(
                    authorize(&actor(&[role]), rule.action, None).is_ok(),
                    allowed,
                    "{role:?} {}",
                    rule.name
                );
            }
        }
    }
}
