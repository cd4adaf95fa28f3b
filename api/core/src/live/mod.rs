//! The log, sent to clients that stay connected: the events that are there and, for those who follow it, those that are
//! appended, until the client leaves, its token ends, or the process does. A follower reads at most one page of the log
//! ahead of its client. Each interface writes in its own way what a follower says.

mod follower;
mod hub;
mod places;

pub use follower::{Broken, Farewell, Follower, Said, Telling};
pub use hub::Live;
pub use places::{NoPlace, Place};
