//! The configuration as people meet it: the built program, its variables, its file and what it prints.

use std::process::Command;

use daybook_core::config::{Known, known};
use daybook_domain::settings::{Size, Span};
use daybook_tests::{Program, server::Folder};
use serde_json::Value;

/// What it prints, and whether it ends well.
fn config(arguments: &[&str], variables: &[(String, String)]) -> (String, bool) {
    let folder = Folder::new("daybook-config", None);
    config_in(&folder, arguments, variables)
}

fn config_in(folder: &Folder, arguments: &[&str], variables: &[(String, String)]) -> (String, bool) {
    let mut command = Command::new(Program::this().path());
    command.current_dir(folder.path()).env_clear().arg("config").args(arguments);
    let output = command.envs(variables.iter().cloned()).output().expect("it is built");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.success())
}

fn printed(text: &str) -> toml::Table {
    text.parse().unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Another value than the default, and one that it may have.
fn another(known: &Known) -> String {
    let path = known.path();
    let default = known.setting.default.clone().unwrap_or(Value::Null);
    match path.as_str() {
        "environment" => "production".into(),
        "roles" => "api,relay".into(),
        "database.room" => "200GiB".into(),
        "commands.hold_ttl" => "15m".into(),
        "commands.tax.home" => "DE".into(),
        "commands.tax.registered" => "FR,AT".into(),
        "commands.tax.services" => "e_books".into(),
        "commands.tax.prices" => "net".into(),
        "log.format" => "json".into(),
        "accounts.providers" => {
            "{ example = { client_id = \"shop\", issuer = \"https://issuer.example\", scopes = [\"email\"] } }".into()
        }
        "tokens.role_map" => "{ staff = \"support\" }".into(),
        "http.trusted_proxies" => "10.0.0.0/8".into(),
        "tokens.jwks_url" => "https://issuer.example/jwks".into(),
        "accounts.url" => "https://shop.example".into(),
        _ if path.ends_with("_url") => "tls://elsewhere:1".into(),
        "mirror.to" => "esdb://elsewhere:1".into(),
        "door.advertise" => "log.example:9".into(),
        _ if path.ends_with("listen") => "127.0.0.1:9".into(),
        _ => match &default {
            Value::Number(number) => (number.as_u64().expect("a count") + 1).to_string(),
            Value::String(text) => match (text.parse::<Span>(), text.parse::<Size>()) {
                (Ok(span), _) => Span::millis(span.as_millis() - 1).to_string(),
                (_, Ok(size)) => Size::bytes(size.get() - 1).to_string(),
                _ => format!("{text}x"),
            },
            Value::Bool(is_on) => (!is_on).to_string(),
            _ => "given".into(),
        },
    }
}

#[test]
fn every_setting_has_a_variable_that_sets_it() {
    let all = known();
    assert!(all.len() > 60, "{}", all.len());
    let given: Vec<_> = all.iter().map(|known| (known.variable(), another(known))).collect();
    let (text, is_well) = config(&[], &given);
    assert!(is_well, "{text}");
    let shown = printed(&text);
    for known in &all {
        let path = known.path();
        let mut names = path.split('.');
        let first = names.next().and_then(|name| shown.get(name));
        let value = names.try_fold(first, |table, name| Some(table?.get(name))).flatten();
        let value = value.unwrap_or_else(|| panic!("{} is not shown", known.path()));
        let as_text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(list) => {
                list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        let expected = if known.path() == "vault.master_key" { "********".into() } else { another(known) };
        assert_eq!(as_text, expected, "{}", known.variable());
    }
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let folder = Folder::new("daybook-config", None);
    let given = [("DAYBOOK_COMMANDS__APPEND_TIMEOUT".to_owned(), "2500ms".to_owned())];
    let (printed_first, is_well) = config_in(&folder, &[], &given);
    assert!(is_well && printed_first.contains("append_timeout = \"2.5s\""), "{printed_first}");
    std::fs::write(folder.path().join("daybook.toml"), &printed_first).unwrap();
    assert_eq!(config_in(&folder, &[], &[]), (printed_first, true));
}

/// With the variable's name, because that is what has to be mended.
#[test]
fn a_variable_that_is_not_there_is_refused_with_the_one_that_is_meant() {
    for (variable, meant) in [
        ("DAYBOOK_MAX_BODY_BYTES", "it is called DAYBOOK_HTTP__MAX_BODY now"),
        ("DAYBOOK_HTTP__MAX_BODIES", "is DAYBOOK_HTTP__MAX_BODY meant?"),
        ("DAYBOOK_HTTP_MAX_BODY", "is DAYBOOK_HTTP__MAX_BODY meant?"),
        ("DAYBOOK_DATABSE_URL", "is DAYBOOK_DATABASE_URL meant?"),
        ("DAYBOOK_HTTP__", "`daybook config --docs` lists all"),
        ("DAYBOOK_ZZZ", "`daybook config --docs` lists all"),
    ] {
        let (text, is_well) = config(&[], &[(variable.into(), "1".into())]);
        assert!(!is_well, "{text}");
        assert_eq!(text.trim(), format!("daybook: there is no setting {variable}; {meant}"));
    }
    let variable = "DAYBOOK_HTTP__MAX_BODY".to_owned();
    let (text, _) = config(&[], &[(variable.clone(), "1B".into())]);
    assert_eq!(text.trim(), "daybook: setting DAYBOOK_HTTP__MAX_BODY: is 1B; it may be 1KiB to 16MiB");
    let (text, _) = config(&[], &[(variable, "1".into())]);
    assert!(
        text.starts_with("daybook: setting DAYBOOK_HTTP__MAX_BODY: ") && text.contains("64MiB"),
        "{text}"
    );
}

#[test]
fn a_mistake_in_a_file_is_named_with_the_file() {
    let folder = Folder::new("daybook-config", None);
    std::fs::write(folder.path().join("own.toml"), "[proof]\nrow = 5").unwrap();
    let (text, is_well) = config_in(&folder, &["--config", "own.toml"], &[]);
    assert!(!is_well && text.contains("no setting proof.row (") && text.contains("own.toml)"), "{text}");
    assert!(text.contains("is proof.rows meant?"), "{text}");
}

/// It is there for those whose configuration is wrong, too.
#[test]
fn the_reference_needs_no_valid_configuration() {
    let (text, is_well) = config(&["--docs"], &[("DAYBOOK_MAX_BODY_BYTES".into(), "1".into())]);
    assert!(
        is_well && text.contains("# DAYBOOK_HTTP__MAX_BODY: 1KiB to 16MiB\n#max_body = \"1MiB\""),
        "{text}"
    );
}
