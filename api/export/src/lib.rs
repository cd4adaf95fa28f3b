//! `daybook export`: the log in files. These are the public events, or, with `--raw`, what is stored. Sealed data stays
//! sealed in both. They come from the database or, with `--from`, through the door of a running server; they go to
//! lines of JSON or to Parquet. An export that was begun goes on behind the last event that its files have.

#[cfg(feature = "door")]
mod door;
#[cfg(feature = "parquet")]
mod parquet;

mod args;
mod error;
mod lines;
mod progress;
mod resume;
mod run;
mod source;
mod target;
mod writing;

pub use args::{Args, StreamName};
pub use error::ExportError;
pub use run::run;
