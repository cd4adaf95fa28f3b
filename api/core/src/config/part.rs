//! The parts that a server consists of, and how a setting names them.

use daybook_domain::{
    settings::{Rule, that_is},
    words,
};
use serde::{Deserialize, Deserializer, de::Error as _};

words! {
    /// A part of the server that a process can be.
    pub enum Part {
        Api = "api",
        Relay = "relay",
        Projections = "projections",
        Reactor = "reactor",
        /// Tells other systems: public events.
        Publisher = "publisher",
        /// Appends public events to another system.
        Mirror = "mirror",
    }
}

impl Part {
    /// The parts of a process if none are set. Publisher and mirror are not among them, because perhaps no other system
    /// wants the public events.
    pub const DEFAULT: [Self; 4] = [Self::Api, Self::Relay, Self::Projections, Self::Reactor];
}

/// The rule that there is at least one of them.
pub fn some() -> Rule<Vec<Part>> {
    that_is(
        format!("one or more of {}, as a list or as text with commas", Part::WORDS.join(", ")),
        |parts: &Vec<Part>| !parts.is_empty(),
    )
}

/// `"api,relay"` or a list.
pub fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    let given = match Written::deserialize(deserializer)? {
        Written::Text(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Written::List(names) => names,
    };
    let part = |name: &String| name.parse().map_err(|error| D::Error::custom(format!("{name:?}: {error}")));
    given.iter().map(part).collect()
}
