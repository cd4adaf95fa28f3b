//! The parts that a server consists of, and how a setting names them.

use serde::{Deserialize, Deserializer, Serialize};

/// A part of the server that a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Api,
    Relay,
    Projections,
    Reactor,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Api, Self::Relay, Self::Projections, Self::Reactor];

    fn parse(text: &str) -> Option<Self> {
        match text {
            "api" => Some(Self::Api),
            "relay" => Some(Self::Relay),
            "projections" => Some(Self::Projections),
            "reactor" => Some(Self::Reactor),
            _ => None,
        }
    }
}

/// `"api,relay"` or a list.
pub fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    let names = match Written::deserialize(deserializer)? {
        Written::Text(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Written::List(names) => names,
    };
    let unknown = |name: &str| {
        serde::de::Error::custom(format!("no role {name:?}; there are api, relay, projections, reactor"))
    };
    names.iter().map(|name| Part::parse(name).ok_or_else(|| unknown(name))).collect()
}
