//! `daybook config`.

use crate::config::Config;

/// The effective configuration as it would stand in `daybook.toml`, secrets masked.
pub fn show(config: &Config) -> Result<String, toml::ser::Error> {
    toml::to_string(config)
}
