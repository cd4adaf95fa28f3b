//! The parts that a server consists of, and how a setting names them.

use daybook_domain::settings::{Rule, that_is};
use serde::{Deserialize, Deserializer, Serialize};

/// A part of the server that a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Api,
    Relay,
    /// Tells other systems: public events.
    Publisher,
    Projections,
    Reactor,
}

impl Part {
    /// What a process is unless set: there may be nobody who follows the public events.
    pub const DEFAULT: [Self; 4] = [Self::Api, Self::Relay, Self::Projections, Self::Reactor];

    pub const ALL: [Self; 5] = [Self::Api, Self::Relay, Self::Projections, Self::Reactor, Self::Publisher];

    fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Relay => "relay",
            Self::Publisher => "publisher",
            Self::Projections => "projections",
            Self::Reactor => "reactor",
        }
    }
}

/// At least one of them.
pub fn some() -> Rule<Vec<Part>> {
    that_is(format!("one or more of {}, as a list or as text with commas", names()), |parts: &Vec<Part>| {
        !parts.is_empty()
    })
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
    let unknown = |name: &str| serde::de::Error::custom(format!("no role {name:?}; there are {}", names()));
    let part =
        |name: &String| Part::ALL.into_iter().find(|part| part.as_str() == name).ok_or_else(|| unknown(name));
    given.iter().map(part).collect()
}

fn names() -> String {
    Part::ALL.map(Part::as_str).join(", ")
}
