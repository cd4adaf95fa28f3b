//! The log over the protocol of EventStoreDB (gRPC), to be read only: what its clients read, follow and ask of a
//! server. Writing is refused, because what may be in the log is decided by commands. What goes out are the public
//! events, as `/v1/events` has them.

mod ask;
mod caller;
mod filter;
mod members;
mod offered;
mod place;
pub mod protocol;
mod read;

mod status;
mod streams;
mod wire;

pub use offered::add_to;
