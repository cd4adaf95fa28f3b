//! The log followed live: from a position on, the events that are there and those that are appended, until the
//! client leaves, its token ends, or the process does. A follower reads at most one page of the log ahead of its
//! client. Each interface writes in its own way what a follower says.

mod follower;
mod hub;
mod places;

pub use follower::{CutOff, Farewell, Follower, Said, Telling};
pub use hub::Live;
pub use places::{NoPlace, Place};
