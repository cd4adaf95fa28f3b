//! The parts that a server consists of, and how a setting names them.

use daybook_domain::{
    settings::{Rule, that_is},
    words,
};

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
