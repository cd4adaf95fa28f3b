//! The names of all settings, in the file and in the environment, and what a wrong one may have meant.

use daybook_domain::settings::{Description, Setting};
use figment::{
    Figment, Metadata, Provider,
    value::{Dict, Value},
};

use super::{error::ConfigError, former};

/// What every variable of the environment begins with.
pub const PREFIX: &str = "DAYBOOK_";
/// Names less alike than this (1 is the same name) are not taken for each other.
const ALIKE: f64 = 0.85;
/// The hint for a name that is like no other.
const LISTED: &str = "; `daybook config --docs` lists all";

/// A setting with its place.
#[derive(Debug)]
pub struct Known {
    /// The groups that it is in, with dots; empty at the top.
    pub group: String,
    pub setting: Setting,
}

impl Known {
    /// Its name in `daybook.toml`, with the group in front.
    pub fn path(&self) -> String {
        within(&self.group, self.setting.name)
    }

    /// Its name in the environment.
    pub fn variable(&self) -> String {
        variable(&self.path())
    }
}

fn within(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}.{name}") }
}

/// Every setting of a group and of the groups inside it.
pub fn listed(described: Description) -> Vec<Known> {
    listed_in("", described)
}

fn listed_in(group: &str, described: Description) -> Vec<Known> {
    let Description { settings, groups, .. } = described;
    let own = settings.into_iter().map(|setting| Known { group: group.to_owned(), setting });
    let inner = groups.into_iter().flat_map(|(name, described)| listed_in(&within(group, name), described));
    own.chain(inner).collect()
}

/// A setting's name as the environment has it.
pub fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// An error for the first name that is no setting's.
pub fn refuse_unknown(figment: &Figment, known: &[Known]) -> Result<(), ConfigError> {
    let given = figment.data().map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
    let names = Names { figment, known: known.iter().map(Known::path).collect() };
    given.values().try_for_each(|dict| names.check(dict, ""))
}

/// An error for a variable such as `DAYBOOK_HTTP__`, which would be passed over.
pub fn refuse_half_names() -> Result<(), ConfigError> {
    let ours = |name: &String| name.to_ascii_uppercase().starts_with(PREFIX);
    let mut names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).filter(ours);
    match names.find(|name| name[PREFIX.len()..].split("__").any(str::is_empty)) {
        Some(name) => Err(ConfigError::Unknown { name, hint: LISTED.to_owned() }),
        None => Ok(()),
    }
}

/// A value that is not of the right kind.
pub fn explain(figment: &Figment, error: figment::Error) -> ConfigError {
    match error.path.is_empty() {
        true => ConfigError::Unreadable(Box::new(error)),
        false => ConfigError::Invalid {
            name: called(figment, &error.path.join(".")),
            problem: error.kind.to_string(),
        },
    }
}

/// What a setting is called where it was given.
pub fn called(figment: &Figment, path: &str) -> String {
    let metadata = figment.find_metadata(path);
    match metadata.and_then(|metadata| metadata.source.as_ref()?.file_path()) {
        _ if metadata.is_some_and(is_environment) => variable(path),
        Some(file) => format!("{path} ({})", file.display()),
        None => path.to_owned(),
    }
}

fn is_environment(metadata: &Metadata) -> bool {
    metadata.name.contains("environment")
}

struct Names<'a> {
    figment: &'a Figment,
    known: Vec<String>,
}

impl Names<'_> {
    fn check(&self, given: &Dict, group: &str) -> Result<(), ConfigError> {
        for (name, value) in given {
            let path = within(group, name);
            let inside = format!("{path}.");
            let is_group = self.known.iter().any(|known| known.starts_with(&inside));
            match value {
                _ if self.known.contains(&path) => {}
                Value::Dict(_, inner) if !inner.is_empty() || is_group => self.check(inner, &path)?,
                _ if is_group => {
                    let inner = self.known.iter().filter_map(|known| known.strip_prefix(&inside));
                    let problem = format!("is a group: {}", inner.collect::<Vec<_>>().join(", "));
                    return Err(ConfigError::Invalid { name: called(self.figment, &path), problem });
                }
                _ => return Err(self.unknown(&path)),
            }
        }
        Ok(())
    }

    fn unknown(&self, path: &str) -> ConfigError {
        let in_environment = self.figment.find_metadata(path).is_some_and(is_environment);
        let written = |path: &str| if in_environment { variable(path) } else { path.to_owned() };
        let hint = match (former::NAMES.iter().find(|(former, _)| *former == path), self.nearest(path)) {
            (Some((_, today)), _) => format!("; it is called {} now", written(today)),
            (None, Some(nearest)) => format!("; is {} meant?", written(nearest)),
            (None, None) => LISTED.to_owned(),
        };
        ConfigError::Unknown { name: called(self.figment, path), hint }
    }

    /// The setting whose name, with or without its group, is the most like this one.
    fn nearest(&self, path: &str) -> Option<&str> {
        let likeness = |known: &str| {
            let name = known.rsplit('.').next().unwrap_or(known);
            strsim::jaro_winkler(path, known).max(strsim::jaro_winkler(path, name))
        };
        let rated = self.known.iter().map(|known| (likeness(known), known.as_str()));
        let (best, name) = rated.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (best >= ALIKE).then_some(name)
    }
}
