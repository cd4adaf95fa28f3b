//! What the interfaces that speak gRPC share: the listener, its connections, who calls, and what every call goes
//! through. An interface adds its services, and knows nothing of the others.

pub mod answers;
pub mod caller;
mod listener;
mod metrics;
mod observe;
mod served;

pub use listener::{Listener, ListenerError};
pub use served::Served;
