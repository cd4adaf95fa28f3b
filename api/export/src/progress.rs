//! How far an export is, on the terminal.

use std::io::{self, IsTerminal};

use daybook_domain::Position;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar if standard error is a terminal, and nothing otherwise.
pub(crate) struct Progress {
    bar: ProgressBar,
    after: Position,
}

impl Progress {
    /// Measures the places behind `after`.
    pub fn new(writes_to_output: bool, after: Position) -> Self {
        // Events that scroll by and a bar don't go together.
        let is_hidden = writes_to_output && io::stdout().is_terminal();
        let bar = if is_hidden { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let template = "{bar:40} {pos} of {len} events looked at, {per_sec}, {eta} left {msg}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self { bar, after }
    }

    pub fn ends_at(&self, end: Position) {
        let places = u64::try_from(end.0 - self.after.0).unwrap_or(0);
        self.bar.set_length(places.max(self.bar.length().unwrap_or(0)));
    }

    pub fn reached(&self, position: Position) {
        let places = u64::try_from(position.0 - self.after.0).unwrap_or(0);
        if places > self.bar.length().unwrap_or(0) {
            self.bar.set_length(places);
        }
        self.bar.set_position(places);
    }

    /// Says something beside the bar.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| daybook_core::terminal::say_beside(text));
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
