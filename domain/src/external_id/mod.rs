//! A caller's own id of a thing, taken once within its scope: `external_id/{kind}:{id}` among the shop's, and
//! `external_id/{kind}/{length}:{customer}:{id}` among those of one customer.
//!
//! Its event is appended together with the event that creates the thing, so an id can't be taken twice,
//! however many requests ask for it at once.

use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    decider::{self, Decider, Guarded},
    policy::Demand,
    rejection_codes,
    text::{CustomerId, ExternalId, folded},
};

/// Among which things an id is taken once.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Products, and the orders that the shop places for others or imports. Release 0.1 knew no other scope.
    Shop,
    /// The orders that this customer places: customers don't meet each other, nor do they take the shop's ids.
    Of(&'a CustomerId),
}

/// The ids of the streams for a thing of kind `D`: ids of different kinds never meet. All of them are taken together.
///
/// The first is that of the text as ids are compared, in which every spelling of an id meets every other. If the
/// text is given otherwise, the shop's second one is that of the text as given, which is all that release 0.1 takes
/// and asks.
pub fn keys<D: Decider>(scope: Scope<'_>, id: &ExternalId) -> Vec<String> {
    let compared = folded(id.as_str());
    match scope {
        Scope::Shop => {
            let key = |text: &str| format!("{}:{text}", D::KIND);
            let as_given = (compared != id.as_str()).then(|| key(id.as_str()));
            [key(&compared)].into_iter().chain(as_given).collect()
        }
        // The length says where the customer ends, whatever colons there are.
        Scope::Of(customer) => {
            vec![format!("{}/{}:{customer}:{compared}", D::KIND, customer.as_str().len())]
        }
    }
}

/// Which thing has the id, if any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum ExternalIdUse {
    #[default]
    Free,
    Taken {
        by: String,
    },
}

#[derive(Debug, Clone)]
pub enum Command {
    /// Takes it for the thing whose id is `by`. If another thing has it, that one is named to callers who may do
    /// `told_to`: those who may read it.
    Take { by: String, told_to: Demand },
}

/// Stored for ever: add variants, never edit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "ExternalIdTaken")]
    Taken { by: String },
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "ExternalIdTaken",
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the external_id belongs to {by}")]
    Taken { by: String, told_to: Demand },
    /// The same, for callers who may not read the thing that has it.
    #[error("the external_id is taken")]
    TakenByAnother,
}

rejection_codes! {
    Rejection {
        Taken => GeneralCode::AlreadyExists,
        TakenByAnother => GeneralCode::AlreadyExists,
    }
    guarded by guard
}

fn guard(rejection: &Rejection) -> Option<Guarded<Rejection>> {
    match rejection {
        Rejection::Taken { told_to, .. } => {
            Some(Guarded { demand: told_to.clone(), otherwise: Rejection::TakenByAnother })
        }
        Rejection::TakenByAnother => None,
    }
}

impl Decider for ExternalIdUse {
    const KIND: &'static str = "external_id";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;
    const SHAPE: u16 = 1;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Free, Command::Take { by, .. }) => Ok(vec![Event::Taken { by }]),
            (Self::Taken { by: owner }, Command::Take { by, .. }) if *owner == by => Ok(vec![]),
            (Self::Taken { by }, Command::Take { told_to, .. }) => {
                Err(Rejection::Taken { by: by.clone(), told_to })
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Taken { by } => Self::Taken { by: by.clone() },
        }
    }

    fn weight(&self) -> usize {
        let text = match self {
            Self::Free => 0,
            Self::Taken { by } => by.len(),
        };
        size_of::<Self>() + text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rejection as _, order::Order, policy::Action, product::Product, testing::given};

    fn taken(by: &str) -> Event {
        Event::Taken { by: by.into() }
    }

    fn told_to() -> Demand {
        Demand { action: Action::ReadOrder, owner: Some("alice".into()) }
    }

    fn take(by: &str) -> Command {
        Command::Take { by: by.into(), told_to: told_to() }
    }

    /// Stored for ever: claims of the shop are where release 0.1 looks for them.
    #[test]
    fn ids_of_products_of_orders_and_of_each_customer_are_apart() {
        let id: ExternalId = "536365".parse().expect("an id");
        let alice: CustomerId = "alice".parse().expect("a customer");
        assert_eq!(keys::<Order>(Scope::Shop, &id), ["order:536365"]);
        assert_eq!(keys::<Product>(Scope::Shop, &id), ["product:536365"]);
        assert_eq!(keys::<Order>(Scope::Of(&alice), &id), ["order/5:alice:536365"]);
    }

    #[test]
    fn no_customer_can_name_the_id_of_another() {
        let key = |customer: &str, id: &str| {
            let customer: CustomerId = customer.parse().expect("a customer");
            keys::<Order>(Scope::Of(&customer), &id.parse().expect("an id")).remove(0)
        };
        assert_ne!(key("a", "b:c"), key("a:b", "c"));
        assert_ne!(key("5:alice", "1"), key("alice", "1"));
        assert!(!key("a", "1").starts_with("order:"), "that is the shop's");
    }

    #[test]
    fn the_thing_that_has_it_is_named_to_its_readers_only() {
        let taken = Rejection::Taken { by: "ord_1".into(), told_to: told_to() };
        let guarded = taken.guarded().expect("not for everyone");
        assert_eq!((guarded.demand, guarded.otherwise.code()), (told_to(), taken.code()));
        assert!(!guarded.otherwise.to_string().contains("ord_1"));
    }

    #[test]
    fn an_id_is_taken_as_it_is_compared_and_as_it_was_given() {
        let keys = |id: &str| keys::<Order>(Scope::Shop, &id.parse().expect("an id"));
        assert_eq!(keys("Straße"), ["order:strasse", "order:Straße"]);
        assert_eq!(keys("STRASSE"), ["order:strasse", "order:STRASSE"]);
        assert_eq!(keys("strasse"), ["order:strasse"]);
    }

    #[test]
    fn a_free_id_can_be_taken() {
        given::<ExternalIdUse>([]).when(take("ord_1")).then([taken("ord_1")]);
    }

    #[test]
    fn a_taken_id_cannot_be_taken_by_another() {
        given::<ExternalIdUse>([taken("ord_1")])
            .when(take("ord_2"))
            .rejected(Rejection::Taken { by: "ord_1".into(), told_to: told_to() });
    }

    #[test]
    fn taking_ones_own_id_again_changes_nothing() {
        given::<ExternalIdUse>([taken("ord_1")]).when(take("ord_1")).then([]);
    }
}
