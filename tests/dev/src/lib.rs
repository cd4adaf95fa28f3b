//! What `./dev` and the tests start servers with: programs, users, ports, and processes that aren't children.
//!
//! It is a package of its own because `./dev up` needs it in release, and the rest of the tests takes long to compile.

pub mod port;
pub mod postgres;
pub mod process;
pub mod program;
pub mod until;
pub mod user;
