//! Lines on stderr, beside what the verb is for.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a line. It is lost if its reader has gone, which is no reason to stop.
pub fn say_beside(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
