//! The write side: named use cases that gather facts, authorize, ask deciders and append.
//!
//! Outside of this crate a command is a method, `commands.orders().place(context, …)`, that answers
//! only when its events are durable. The committer behind it is the only writer of the log.

pub mod orders;
pub mod outcome;
pub mod products;
pub mod stock;

mod committer;
mod context;
mod host;
mod metrics;
mod state;
mod work;

pub use committer::{Commands, CommitterSettings, CommitterTask};
pub use context::{Context, IdempotencyKey};
pub use outcome::{Accepted, Failure, NotDone, Receipt, Refusal, RefusalKind};

use crate::{orders::Orders, products::Products, stock::Stocks};

/// The use cases, by what they are about.
impl Commands {
    pub fn products(&self) -> Products<'_> {
        Products(self)
    }

    pub fn stock(&self) -> Stocks<'_> {
        Stocks(self)
    }

    pub fn orders(&self) -> Orders<'_> {
        Orders(self)
    }
}
