//! What can be wrong with the settings that were given.

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read, or is not TOML. Boxed, because it is large.
    #[error("{0}")]
    Unreadable(Box<figment::Error>),
    /// `hint` says what may be meant.
    #[error("there is no setting {name}{hint}")]
    Unknown { name: String, hint: String },
    #[error("setting {name}: {problem}")]
    Invalid { name: String, problem: String },
}
