//! How a verb ends when it doesn't end well.

/// Something to print.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
