//! What a verb of the program says to who called it. A reader that has gone has what it wants (`daybook config --docs |
//! head -1`): what is said to it is lost, and the verb goes on and ends with its own exit code.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// A line, or several, of what the verb is for.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line beside that: what goes wrong, and how it goes.
pub fn say_beside(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
