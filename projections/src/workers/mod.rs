//! Work in the background: workers, each with a name, a purpose and a state that operators can read, the one place
//! that starts them, and the one loop in which they fail, rest and try again.
//!
//! The workers themselves are in the list of their crate; the wiring joins the lists.

mod about;
mod crew;
mod duty;
mod journal;
mod pauses;
mod tell;
mod worker;

pub use self::{
    about::{About, When},
    crew::Crew,
    duty::{Duty, Rounds},
    journal::{LastError, WorkerState, WorkerStatus},
    pauses::Pauses,
    tell::Tell,
    worker::Worker,
};
