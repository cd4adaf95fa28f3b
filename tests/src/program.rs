//! The program `daybook`, of this build or of another release, and what each of them calls its settings.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use daybook_core::config::{former::NAMES, variable};
use daybook_domain::settings::{Size, Span};

#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    version: String,
    /// Its settings have no groups, as in 0.1.0.
    is_flat: bool,
}

impl Program {
    /// The one that was built together with this test or harness, which lies beside it or a folder deeper.
    pub fn this() -> Self {
        let own = std::env::current_exe().expect("a running program has a path");
        let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("daybook"));
        let found = beside.into_iter().find(|program| program.is_file());
        let path =
            found.unwrap_or_else(|| panic!("daybook is not built beside {}: run ./dev test", own.display()));
        Self { path, version: env!("CARGO_PKG_VERSION").into(), is_flat: false }
    }

    /// Another one, which is asked for the form of its settings.
    pub fn other(path: &Path) -> Result<Self, String> {
        let ask = |verb: &str| {
            let mut command = Command::new(path);
            // Neither a file nor a variable of ours may be meant for it.
            command.arg(verb).current_dir(std::env::temp_dir()).env_clear();
            let told = command.output().map_err(|error| format!("{}: {error}", path.display()))?;
            let text = String::from_utf8_lossy(&told.stdout).into_owned();
            if told.status.success() {
                Ok(text)
            } else {
                Err(format!("{} {verb}: {}", path.display(), told.status))
            }
        };
        let version = ask("--version")?.trim().trim_start_matches("daybook ").to_owned();
        let settings: toml::Table =
            ask("config")?.parse().map_err(|error| format!("its settings: {error}"))?;
        let is_flat = !settings.values().any(toml::Value::is_table);
        Ok(Self { path: path.to_owned(), version, is_flat })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// The environment variable of a setting, and its value, both given as in this build's `daybook config`: the name
    /// is its group, a point, and its own name.
    pub fn variable(&self, setting: &str, value: &str) -> (String, String) {
        let former = NAMES.iter().find(|(_, now)| self.is_flat && *now == setting);
        match former {
            Some((former, _)) => (format!("DAYBOOK_{}", former.to_uppercase()), former_value(former, value)),
            None => (variable(setting), value.to_owned()),
        }
    }
}

/// 0.1.0 wrote durations and sizes as numbers, whose unit the name says.
fn former_value(name: &str, value: &str) -> String {
    let span = || value.parse::<Span>().map(Span::get).expect("a duration");
    if name.ends_with("_ms") {
        span().as_millis().to_string()
    } else if name.ends_with("_s") && !name.ends_with("_per_s") {
        span().as_secs().to_string()
    } else if name.ends_with("_bytes") {
        value.parse::<Size>().expect("a size").get().to_string()
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_set_by_its_group_and_its_name() {
        let program = Program { path: "daybook".into(), version: "1.0.0".into(), is_flat: false };
        let set = |name| program.variable(name, "7").0;
        assert_eq!(set("database_url"), "DAYBOOK_DATABASE_URL");
        assert_eq!(set("commands.max_batch_events"), "DAYBOOK_COMMANDS__MAX_BATCH_EVENTS");
    }

    #[test]
    fn a_former_release_is_told_in_its_own_words() {
        let former = Program { path: "daybook".into(), version: "0.1.0".into(), is_flat: true };
        let set = |name, value| {
            let (name, value) = former.variable(name, value);
            format!("{name}={value}")
        };
        assert_eq!(set("nats_url", "nats://x"), "DAYBOOK_NATS_URL=nats://x");
        assert_eq!(set("http.keep_alive", "75s"), "DAYBOOK_KEEP_ALIVE_S=75");
        assert_eq!(set("database.acquire_timeout", "1.5s"), "DAYBOOK_ACQUIRE_TIMEOUT_MS=1500");
        assert_eq!(set("commands.working_set_size", "1MiB"), "DAYBOOK_WORKING_SET_BYTES=1048576");
        assert_eq!(set("rates.subject_per_second", "7"), "DAYBOOK_SUBJECT_RATE_PER_S=7");
    }
}
