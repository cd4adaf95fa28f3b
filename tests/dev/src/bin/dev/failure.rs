//! What a verb says, and why one ends early.

use std::{
    fmt::Display,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

/// How much of a log is shown when its writer failed, lines.
const LAST_LINES: usize = 20;

/// Ends the program with this exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    code: u8,
    /// Empty if everything has been said.
    message: String,
}

impl Failure {
    pub fn new(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    /// A wrong command line.
    pub fn usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// Everything has been said.
    pub fn silent(code: u8) -> Self {
        Self { code, message: String::new() }
    }

    /// The failure of a command, if it has failed, with the exit code that a shell would give it.
    pub fn of(status: ExitStatus) -> Result<(), Self> {
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
        if code == 0 { Ok(()) } else { Err(Self::silent(u8::try_from(code).unwrap_or(1))) }
    }

    /// Says it, and gives the exit code.
    pub fn told(&self) -> ExitCode {
        if !self.message.is_empty() {
            say(format_args!("dev: {}", self.message));
        }
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

/// Adds which file or program an error is about.
pub trait About<T> {
    fn about(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> About<T> for Result<T, E> {
    fn about(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format_args!("{what}: {error}")))
    }
}

/// Writes a line for the person who runs this program. A reader who has gone away must not stop us.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A log that another process writes, said while it grows.
pub struct Growing {
    log: PathBuf,
    /// How much of it has been said, bytes.
    said: usize,
}

impl Growing {
    pub fn new(log: PathBuf) -> Self {
        Self { log, said: 0 }
    }

    /// Says what is new in it.
    pub fn say_more(&mut self) {
        let written = fs::read(&self.log).unwrap_or_default();
        let _ = io::stderr().write_all(written.get(self.said..).unwrap_or_default());
        self.said = written.len();
    }
}

/// Says the end of a log.
pub fn say_end_of(log: &Path) {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        say(line);
    }
}
