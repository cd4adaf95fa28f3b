//! The configuration as text: the effective one, and the reference of all settings.

use std::fmt::Write;

use daybook_domain::settings::Group;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Config, Known, known};

const HEAD: &str = "\
# Every setting of Daybook with its default, as it would stand in daybook.toml. Over the file stand the
# variables of the environment that are named here, and over these the flags of `daybook serve`. A duration
# is one number with a unit (ms, s, m, h, d), such as \"250ms\" or \"1.5s\"; a size is one, too (B, KiB, MiB, GiB,
# TiB), such as \"64MiB\".
";
/// The width at which a sentence is wrapped.
const WIDTH: usize = 100;

/// The effective configuration as it would be written in `daybook.toml`, secrets masked.
pub fn show(config: &Config) -> Result<String, toml::ser::Error> {
    toml::to_string(config)
}

/// A setting of this process.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = EffectiveSetting)]
pub struct Effective {
    /// With its group in front.
    #[schema(max_length = 100, examples("http.keep_alive"))]
    pub name: String,
    /// Its variable of the environment.
    #[schema(max_length = 120, examples("DAYBOOK_HTTP__KEEP_ALIVE"))]
    pub variable: String,
    /// As it is written in `daybook.toml`, secrets masked; null if it is absent.
    #[schema(required, max_length = 100_000, examples("\"75s\""))]
    pub value: Option<String>,
    /// The default, in the same way.
    #[schema(required, max_length = 10_000, examples("\"75s\""))]
    pub default: Option<String>,
    #[schema(max_length = 10_000, examples("How long a connection without a request stays open."))]
    pub about: String,
    /// What it may be.
    #[schema(max_length = 10_000, examples("1s to 1h"))]
    pub allowed: String,
}

/// Every setting with its value, secrets masked as [`show`] does it.
pub fn effective(config: &Config) -> Vec<Effective> {
    let values = serde_json::to_value(config).expect("settings are numbers, text and lists");
    let written = |value: &Value| (!value.is_null()).then(|| value.to_string());
    let one = |known: Known| {
        let group = names(&known.group).fold(&values, |values, name| &values[name]);
        Effective {
            name: known.path(),
            variable: known.variable(),
            value: written(&group[known.setting.name]),
            default: known.setting.default.as_ref().and_then(written),
            about: known.setting.about.to_owned(),
            allowed: known.setting.allowed,
        }
    };
    known().into_iter().map(one).collect()
}

/// Every setting, as a `daybook.toml` in which all of them are comments.
pub fn reference() -> String {
    let mut text = format!("{HEAD}\n");
    let described = Config::describe();
    add_sentence(&mut text, described.about);
    let mut group = String::new();
    for known in known() {
        if known.group != group {
            group = known.group.clone();
            let _ = writeln!(text, "\n[{group}]");
            let described = names(&group).try_fold(&described, |outer, name| {
                outer.groups.iter().find(|(inner, _)| *inner == name).map(|(_, inner)| inner)
            });
            add_sentence(&mut text, described.map_or("", |described| described.about));
        }
        text.push('\n');
        add_sentence(&mut text, known.setting.about);
        let _ = writeln!(text, "# {}: {}", known.variable(), known.setting.allowed);
        // Text, numbers and lists of text are written alike in JSON and in TOML.
        let default = known.setting.default.as_ref().map(Value::to_string).unwrap_or_default();
        let _ = writeln!(text, "{}", format!("#{} = {default}", known.setting.name).trim_end());
    }
    text
}

/// The groups on the way to a group.
fn names(group: &str) -> impl Iterator<Item = &str> {
    group.split('.').filter(|name| !name.is_empty())
}

fn add_sentence(text: &mut String, sentence: &str) {
    let mut line = "#".to_owned();
    for word in sentence.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}
