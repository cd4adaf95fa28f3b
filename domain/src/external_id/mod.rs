//! The shop's own id of a thing, taken once: `external_id/{kind}:{id}`.
//!
//! Its event is appended together with the event that creates the thing, so an id can't be taken twice,
//! however many requests ask for it at once.

use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    decider::{self, Decider},
    rejection_codes,
    text::ExternalId,
};

/// The id of the stream for a thing of kind `D`: ids of different kinds never meet.
pub fn key<D: Decider>(id: &ExternalId) -> String {
    format!("{}:{id}", D::KIND)
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
    /// Takes it for the thing whose id is `by`.
    Take { by: String },
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
    Taken { by: String },
}

rejection_codes! {
    Rejection {
        Taken => GeneralCode::AlreadyExists,
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
            (Self::Free, Command::Take { by }) => Ok(vec![Event::Taken { by }]),
            (Self::Taken { by: owner }, Command::Take { by }) if *owner == by => Ok(vec![]),
            (Self::Taken { by }, Command::Take { .. }) => Err(Rejection::Taken { by: by.clone() }),
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
    use crate::testing::given;

    fn taken(by: &str) -> Event {
        Event::Taken { by: by.into() }
    }

    #[test]
    fn ids_of_products_and_of_orders_are_apart() {
        let id: ExternalId = "536365".parse().expect("an id");
        assert_eq!(key::<crate::order::Order>(&id), "order:536365");
        assert_eq!(key::<crate::product::Product>(&id), "product:536365");
    }

    #[test]
    fn a_free_id_can_be_taken() {
        given::<ExternalIdUse>([]).when(Command::Take { by: "ord_1".into() }).then([taken("ord_1")]);
    }

    #[test]
    fn a_taken_id_cannot_be_taken_by_another() {
        given::<ExternalIdUse>([taken("ord_1")])
            .when(Command::Take { by: "ord_2".into() })
            .rejected(Rejection::Taken { by: "ord_1".into() });
    }

    #[test]
    fn taking_ones_own_id_again_changes_nothing() {
        given::<ExternalIdUse>([taken("ord_1")]).when(Command::Take { by: "ord_1".into() }).then([]);
    }
}
