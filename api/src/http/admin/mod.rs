//! What operators see and do, on a listener of its own. Every action leaves an audit record before it
//! is carried out; a refused one too, which `observe` sees to.

pub mod dead_letters;
pub mod log;
pub mod projections;
pub mod rebuilds;
pub mod revocations;
pub mod verifications;

mod deed;

use super::endpoint::{Endpoint, endpoints};

pub use deed::{Body, Deed, Operator, Reasoned};

pub fn endpoints() -> Vec<Endpoint> {
    endpoints![
        projections::list,
        projections::get,
        projections::rebuild,
        projections::rollback,
        projections::pause,
        projections::resume,
        rebuilds::get,
        rebuilds::cancel,
        dead_letters::list,
        dead_letters::retry,
        dead_letters::skip,
        log::get,
        revocations::create,
        verifications::create,
    ]
}
