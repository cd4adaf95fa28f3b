//! What Daybook decides, without doing anything: values, deciders, rules and reactions.
//!
//! Nothing in here reads a clock, draws a random number, waits or talks to anything. Times, ids
//! and looked-up facts arrive in commands, so every decision can be repeated and tested as data.

pub mod account;
pub mod code;
pub mod contact;
pub mod decider;
pub mod external_id;
pub mod feature;
pub mod ids;
pub mod incoming;
pub mod money;
pub mod order;
pub mod patch;
pub mod policy;
pub mod pricing;
pub mod product;
pub mod published;
pub mod quantity;
pub mod reactions;
pub mod record;
pub mod rooms;
pub mod sealed;
pub mod settings;
pub mod sku;
pub mod stock;
pub mod stored;
pub mod tax;
#[cfg(test)]
mod testing;
pub mod text;
pub mod upcast;
pub mod words;

pub use code::Code;
pub use decider::{Decider, Event, Rejection};
pub use record::{Position, Record};
