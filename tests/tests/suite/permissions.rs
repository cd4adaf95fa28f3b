//! The matrix of permissions: what each thing that can be asked for is guarded by, and so what the policy says to
//! everyone who asks for it. Every interface walks its own registry against it, over the wire.

use daybook_domain::policy::{
    Action::{self, *},
    Actor, Denied, Role, authorize,
};
use daybook_tests::{Client, TestApp};

/// Whose the thing is that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The shop's, which has no owner.
    Shop,
    /// The caller's, such as an order that is placed.
    Asker,
    /// That of [`OWNER`].
    Owner,
}

#[derive(Debug, Clone, Copy)]
pub enum Guard {
    /// Everyone may ask for it.
    Open,
    /// Everyone with a token may.
    Known,
    /// Callers who may do one of these to it.
    Any(Whose, &'static [Action]),
    /// It is refused to every caller.
    Closed,
}

impl Guard {
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

/// What is said to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is let in, whatever becomes of what it asks for.
    Welcome,
    /// It is told that there is no such thing.
    Hidden,
    Forbidden,
    /// It has to say who it is.
    Unauthenticated,
}

/// The subject whose things are asked for.
pub const OWNER: &str = "alice";
/// The subject of all other callers that have a token.
const OTHER: &str = "someone";

const fn of(whose: Whose, actions: &'static [Action]) -> Guard {
    Guard::Any(whose, actions)
}

/// By the names of routes, which are the same on all interfaces.
#[rustfmt::skip]
const GUARDS: &[(&str, Guard)] = &[
    ("product.create", of(Whose::Shop, &[CreateProduct])),
    ("product.describe", of(Whose::Shop, &[DescribeProduct])),
    ("product.set_price", of(Whose::Shop, &[PriceProduct])),
    ("product.schedule_price", of(Whose::Shop, &[ScheduleProductPrice])),
    ("product.cancel_price_change", of(Whose::Shop, &[ScheduleProductPrice])),
    ("product.set_tax_class", of(Whose::Shop, &[SetProductTaxClass])),
    ("product.publish", of(Whose::Shop, &[PublishProduct])),
    ("product.unpublish", of(Whose::Shop, &[PublishProduct])),
    ("product.archive", of(Whose::Shop, &[ArchiveProduct])),
    // Those that are public.
    ("product.page", Guard::Open),
    ("product.by_sku", Guard::Open),
    ("product.history", of(Whose::Shop, &[ReadUnpublishedProduct])),
    ("stock.receive", of(Whose::Shop, &[ReceiveStock])),
    ("stock.adjust", of(Whose::Shop, &[AdjustStock])),
    ("stock.by_sku", of(Whose::Shop, &[ReadStock])),
    ("stock.history", of(Whose::Shop, &[ReadStock])),
    ("tax.set_rate", of(Whose::Shop, &[SetTaxRate])),
    ("tax.by_country", of(Whose::Shop, &[ReadTaxRate])),
    ("taxes.page", of(Whose::Shop, &[ReadTaxRate])),
    ("tax.history", of(Whose::Shop, &[ReadTaxRate])),
    ("quote.ask", of(Whose::Asker, &[AskQuote])),
    ("order.place", of(Whose::Asker, &[PlaceOrder])),
    ("order.confirm", of(Whose::Shop, &[ConfirmOrder])),
    ("order.cancel", of(Whose::Owner, &[CancelOrder])),
    ("order.ship", of(Whose::Shop, &[ShipOrder])),
    ("order.deliver", of(Whose::Shop, &[DeliverOrder])),
    ("order.page", of(Whose::Asker, &[ListAllOrders, ReadOrderToShip, ReadOrder])),
    // One that is confirmed.
    ("order.by_id", of(Whose::Owner, &[ReadOrderToShip, ReadOrder])),
    ("order.history", of(Whose::Owner, &[ReadOrderToShip, ReadOrder])),
    ("sales.page", of(Whose::Shop, &[ReadSales])),
    ("events.list", of(Whose::Shop, &[ReadEvents])),
    ("projections.list", of(Whose::Shop, &[Operate])),
    ("projections.get", of(Whose::Shop, &[Operate])),
    ("projection.rebuild", of(Whose::Shop, &[Operate])),
    ("projection.rollback", of(Whose::Shop, &[Operate])),
    ("projection.pause", of(Whose::Shop, &[Operate])),
    ("projection.resume", of(Whose::Shop, &[Operate])),
    ("rebuilds.list", of(Whose::Shop, &[Operate])),
    ("rebuilds.get", of(Whose::Shop, &[Operate])),
    ("rebuild.cancel", of(Whose::Shop, &[Operate])),
    ("dead_letters.list", of(Whose::Shop, &[Operate])),
    ("dead_letter.retry", of(Whose::Shop, &[Operate])),
    ("dead_letter.skip", of(Whose::Shop, &[Operate])),
    ("effects.list", of(Whose::Shop, &[Operate])),
    ("effect.resend", of(Whose::Shop, &[Operate])),
    ("audit.list", of(Whose::Shop, &[Operate])),
    ("configuration.get", of(Whose::Shop, &[Operate])),
    ("features.list", of(Whose::Shop, &[Operate])),
    ("measures.list", of(Whose::Shop, &[Operate])),
    ("workers.list", of(Whose::Shop, &[Operate])),
    ("log.get", of(Whose::Shop, &[Operate])),
    ("log_levels.get", of(Whose::Shop, &[Operate])),
    ("log_levels.set", of(Whose::Shop, &[Operate])),
    // To revoke a key needs more than to revoke a token.
    ("revoke", of(Whose::Shop, &[Operate])),
    ("verify", of(Whose::Shop, &[Operate])),
    ("account.register", Guard::Open),
    ("account.verify", Guard::Open),
    ("account.forget_password", Guard::Open),
    ("account.reset_password", Guard::Open),
    ("accounts.me", of(Whose::Asker, &[ReadAccount])),
    ("accounts.copy", of(Whose::Asker, &[ManageAccount])),
    ("account.describe", of(Whose::Asker, &[ManageAccount])),
    ("account.leave", of(Whose::Asker, &[ManageAccount])),
    ("account.claim_order", of(Whose::Asker, &[ManageAccount])),
    ("account.confirm_order_claim", of(Whose::Asker, &[ManageAccount])),
    ("account.change_password", of(Whose::Asker, &[ManageAccount])),
    ("account.change_email", of(Whose::Asker, &[ManageAccount])),
    ("account.begin_totp", of(Whose::Asker, &[ManageAccount])),
    ("account.confirm_totp", of(Whose::Asker, &[ManageAccount])),
    ("account.remove_totp", of(Whose::Asker, &[ManageAccount])),
    ("account.make_recovery_codes", of(Whose::Asker, &[ManageAccount])),
    ("accounts.activity", of(Whose::Asker, &[ManageAccount])),
    ("identities.list", of(Whose::Asker, &[ManageAccount])),
    ("identity.begin_link", of(Whose::Asker, &[ManageAccount])),
    ("identity.finish_link", of(Whose::Asker, &[ManageAccount])),
    ("identity.unlink", of(Whose::Asker, &[ManageAccount])),
    ("accounts.find", of(Whose::Shop, &[FindAccounts])),
    ("accounts.get", of(Whose::Asker, &[ReadAccount])),
    ("account_sessions.list", of(Whose::Shop, &[EndSessions])),
    ("account_sessions.end", of(Whose::Shop, &[EndSessions])),
    ("account.set_roles", of(Whose::Shop, &[GrantRoles])),
    ("roles.list", of(Whose::Shop, &[GrantRoles])),
    ("role.put", of(Whose::Shop, &[GrantRoles])),
    ("role.delete", of(Whose::Shop, &[GrantRoles])),
    ("activity.list", of(Whose::Shop, &[ReadAudit])),
    ("session.begin", Guard::Open),
    ("providers.list", Guard::Open),
    ("session.begin_outside", Guard::Open),
    ("session.finish_outside", Guard::Open),
    ("session.refresh", Guard::Open),
    ("sessions.list", of(Whose::Asker, &[ManageAccount])),
    ("session.confirm", of(Whose::Asker, &[ManageAccount])),
    ("session.end_current", of(Whose::Asker, &[ManageAccount])),
    ("session.end", of(Whose::Asker, &[ManageAccount])),
    ("session.end_all", of(Whose::Asker, &[ManageAccount])),
    ("api_key.issue", of(Whose::Asker, &[ManageAccount])),
    ("api_keys.list", of(Whose::Asker, &[ManageAccount])),
    ("api_key.rotate", of(Whose::Asker, &[ManageAccount])),
    ("api_key.revoke", of(Whose::Asker, &[ManageAccount])),
    ("events.types", Guard::Open),
    ("permissions", Guard::Open),
    ("permissions.mine", Guard::Known),
    ("jwks", Guard::Open),
    ("openapi", Guard::Open),
    ("docs", Guard::Open),
    ("docs.file", Guard::Open),
    ("problem", Guard::Open),
    // Pages ask a cookie who it is, which callers here don't have: they are led to the form to log in with.
    ("log_in_page.show", Guard::Open),
    ("log_in_page.send", Guard::Open),
    ("log_out_page.send", Guard::Open),
    ("outside_page.begin", Guard::Open),
    ("outside_page.answer", Guard::Open),
    ("outside_code_page.show", Guard::Open),
    ("outside_code_page.send", Guard::Open),
    ("identities_page.show", Guard::Open),
    ("identity_page.link", Guard::Open),
    ("identity_page.unlink", Guard::Open),
    ("register_page.show", Guard::Open),
    ("register_page.send", Guard::Open),
    ("order_claim_page.show", Guard::Open),
    ("order_claim_page.send", Guard::Open),
    ("verification_page.show", Guard::Open),
    ("verification_page.send", Guard::Open),
    ("forgotten_page.show", Guard::Open),
    ("forgotten_page.send", Guard::Open),
    ("reset_page.show", Guard::Open),
    ("reset_page.send", Guard::Open),
    ("account_page.show", Guard::Open),
    ("session_page.end", Guard::Open),
    ("sessions_page.end_all", Guard::Open),
    ("second_factor_page.show", Guard::Open),
    ("second_factor_page.send", Guard::Open),
    ("confirmation_page.send", Guard::Open),
    ("pages_script", Guard::Open),
    ("pages_style", Guard::Open),
    // The console's page is for everyone, and what it asks has guards of its own.
    ("console.get", Guard::Open),
    ("console_file.get", Guard::Open),
    ("console_session.begin", Guard::Open),
    ("console_session.refresh", Guard::Open),
    ("console_session.end", Guard::Open),
    // Each field of a document has a guard of its own.
    ("graphql.ask", Guard::Open),
    ("graphql.read", Guard::Open),
    ("liveness.check", Guard::Open),
    ("readiness.check", Guard::Open),
    ("metrics", Guard::Open),
];

/// The path of a route, with ids in it: that of an order, or one of the kind that the path names, which nothing has.
pub fn path_of(path: &str, order: &str) -> String {
    let nobodys = "019b0000-0000-7000-8000-000000000001";
    let account = format!("acc_{}", "0".repeat(32));
    let price_change = format!("prc_{}", "0".repeat(32));
    let id = match path {
        path if path.starts_with("/v1/accounts/{id}") => &account,
        path if path.starts_with("/v1/orders/") => order,
        path if path.contains("/price-changes/") => &price_change,
        _ => nobodys,
    };
    path.replace("{id}", id).replace("{country}", "DE")
}

/// The guard of what has this name.
#[track_caller]
pub fn guard(name: &str) -> Guard {
    let found = GUARDS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("say in GUARDS who may ask for {name}")).1
}

/// Who asks. Without an actor, it is someone without a token.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: Option<Actor>,
    roles: Vec<Role>,
}

impl Caller {
    /// The owner, someone of each role, someone with a token and no role, and someone without a token.
    pub fn all() -> Vec<Self> {
        let named = |subject: &str, roles: &[Role]| Self {
            actor: Some(Actor::person(subject, roles.iter().copied())),
            roles: roles.to_vec(),
        };
        let nobody = Self { actor: None, roles: vec![] };
        let mut all = vec![named(OWNER, &[Role::Customer]), named(OTHER, &[]), nobody];
        all.extend(Role::ALL.iter().map(|role| named(OTHER, &[*role])));
        all
    }

    pub fn token(&self, app: &TestApp) -> Option<String> {
        Some(app.token(&self.actor.as_ref()?.subject, &self.roles))
    }

    pub fn client(&self, app: &TestApp) -> Client {
        self.token(app).map_or_else(|| app.anonymous.clone(), |token| app.anonymous.with_token(token))
    }

    /// What the policy says to it.
    pub fn is_told(&self, guard: Guard) -> Said {
        let (whose, actions) = match guard {
            Guard::Open => return Said::Welcome,
            Guard::Known => {
                return if self.actor.is_some() { Said::Welcome } else { Said::Unauthenticated };
            }
            Guard::Closed => return Said::Forbidden,
            Guard::Any(whose, actions) => (whose, actions),
        };
        let Some(actor) = &self.actor else { return Said::Unauthenticated };
        let owner = match whose {
            Whose::Shop => None,
            Whose::Asker => Some(actor.subject.as_str()),
            Whose::Owner => Some(OWNER),
        };
        let said: Vec<_> = actions.iter().map(|action| authorize(actor, *action, owner)).collect();
        if said.contains(&Ok(())) {
            Said::Welcome
        } else if said.contains(&Err(Denied::Hidden)) {
            Said::Hidden
        } else {
            Said::Forbidden
        }
    }
}

/// Holds what was said to a caller against the policy. What has no owner may be missing, whatever caller asks for it.
#[track_caller]
pub fn check(what: &str, caller: &Caller, guard: Guard, said: Said, answer: &str) {
    let is_missing = said == Said::Hidden && !matches!(guard, Guard::Any(Whose::Owner, _));
    let said = if is_missing { Said::Welcome } else { said };
    assert_eq!(said, caller.is_told(guard), "{what}, asked for by {caller:?}: {answer}");
}

/// Catches: an action of the policy that nothing is guarded by, and a guard that stands here twice.
#[test]
fn every_action_guards_something() {
    // What is done to another's thing, beside what is done to it: a test of HTTP asks for these.
    // Only the system registers and claims.
    let beside = [PlaceOrderForOther, OverridePrice, RevokeKey, ClaimOrder, RegisterAccount];
    for rule in daybook_domain::policy::RULES {
        let guards =
            |guard: &Guard| matches!(guard, Guard::Any(_, actions) if actions.contains(&rule.action));
        let is_used = GUARDS.iter().any(|(_, guard)| guards(guard));
        assert!(is_used != beside.contains(&rule.action), "{}", rule.name);
    }
    for (name, _) in GUARDS {
        assert_eq!(GUARDS.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
    }
}
