use std::collections::BTreeSet;

use daybook_domain::settings::Span;

use super::*;

fn from_toml(text: &str) -> Result<Config, ConfigError> {
    Config::from(&Figment::from(Toml::string(text)))
}

fn refusal(text: &str) -> String {
    from_toml(text).expect_err("not valid").to_string()
}

#[test]
fn the_defaults_are_valid() {
    from_toml("").expect("valid");
}

#[test]
fn a_name_that_is_not_there_is_refused_and_the_nearest_one_named() {
    assert_eq!(refusal("databse_url = 'x'"), "there is no setting databse_url; is database_url meant?");
    let nearest = [
        ("[http]\nmax_bdy = '1MiB'", "http.max_bdy", "http.max_body"),
        ("[projection]\npartitions = 2", "projection.partitions", "projections.partitions"),
        ("max_in_fligt = 2", "max_in_fligt", "http.max_in_flight"),
    ];
    for (text, given, meant) in nearest {
        assert_eq!(refusal(text), format!("there is no setting {given}; is {meant} meant?"));
    }
    let refused = refusal("[zzz]");
    assert!(refused.contains("no setting zzz;") && refused.contains("config --docs"), "{refused}");
}

#[test]
fn a_former_name_is_answered_with_todays() {
    let known: BTreeSet<String> = known().iter().map(Known::path).collect();
    for (former, today) in former::NAMES {
        assert!(known.contains(*today) && !known.contains(*former), "{former} and {today}");
        let expected = format!("there is no setting {former}; it is called {today} now");
        assert_eq!(refusal(&format!("{former} = 1")), expected);
    }
}

#[test]
fn a_group_is_no_setting() {
    assert!(refusal("live = 5").starts_with("setting live: is a group: max_streams, "));
}

#[test]
fn the_groups_of_other_crates_are_set_like_everything_else() {
    let config = from_toml("[commands]\nmax_batch_commands = 64\nappend_timeout = '1.5s'").expect("valid");
    assert_eq!(config.commands.max_batch_commands, 64);
    assert_eq!(config.commands.append_timeout, Span::millis(1_500));
    let config = from_toml("[effects]\nattempts = 3\n[stream]\nreplicas = 3").expect("valid");
    assert_eq!((config.effects.attempts, config.stream.replicas), (3, 3));
}

#[test]
fn a_value_out_of_bounds_is_refused_with_its_bounds() {
    assert_eq!(refusal("http.max_body = '1B'"), "setting http.max_body: is 1B; it may be 1KiB to 16MiB");
    assert_eq!(refusal("proof.rows = 0"), "setting proof.rows: is 0; it may be 1 to 100000");
}

#[test]
fn a_value_of_another_kind_is_refused_with_what_it_may_be() {
    let refused = refusal("http.max_body = 1048576");
    assert!(refused.starts_with("setting http.max_body: ") && refused.contains("64MiB"), "{refused}");
    let refused = refusal("proof.interval = '5'");
    assert!(refused.starts_with("setting proof.interval: ") && refused.contains("1.5s"), "{refused}");
    let refused = refusal("log.format = 'xml'");
    assert!(refused.starts_with("setting log.format: ") && refused.contains("json"), "{refused}");
}

#[test]
fn settings_fit_together() {
    assert!(refusal("[http]\nrequest_timeout = '31s'").contains("at most max_request_timeout, 30s"));
    assert!(refusal("[commands]\nmax_queued_size = '2MiB'").contains("four times http.max_body, 1MiB"));
}

#[test]
fn production_needs_keys() {
    assert!(refusal("environment = 'production'").contains("tokens.signing_key_file"));
    let with_key = "environment = 'production'\ntokens.signing_key_file = 'key.pem'";
    assert!(refusal(with_key).contains("vault.master_key"));
    let with_both = format!("{with_key}\nvault.master_key = 'c2VjcmV0'");
    assert!(from_toml(&with_both).is_ok());
    let unsafe_issuer = format!("{with_both}\ntokens.jwks_url = 'http://issuer/jwks'");
    assert!(refusal(&unsafe_issuer).contains("tokens.jwks_url"));
    assert!(from_toml("tokens.jwks_url = 'http://issuer/jwks'").is_ok());
}

/// Catches: a secret that is shown, an issuer in the open, and a mistake that is only told when someone logs in.
#[test]
fn issuers_to_log_in_at_are_checked_at_the_start() {
    let with = |name: &str, more: &str| {
        format!(
            "[accounts.providers.{name}]\nissuer = 'https://issuer.example'\nclient_id = 'shop'\n{more}\n"
        )
    };
    let config = from_toml(&with("example", "client_secret = 'hunter2'")).expect("valid");
    let provider = config.accounts.providers.values().next().expect("it is one");
    assert_eq!(provider.scopes, ["email"]);
    let shown = show(&config).expect("serializes");
    assert!(!shown.contains("hunter2") && shown.contains("client_secret"), "{shown}");
    let refused = |text: &str, why: &str| {
        let refused = refusal(text);
        assert!(refused.starts_with("setting accounts.providers") && refused.contains(why), "{refused}");
    };
    refused(&with("Example", ""), "1 to 32 characters");
    refused(&with("example", "colour = 'red'"), "colour");
    refused(&with("example", "scopes = ['two words']"), "example: scopes are");
    refused(&with("example", "label = ''"), "example: label has");
    refused(&with("example", "front_end = 'javascript:x'"), "example: front_end is");
    refused("[accounts.providers.example]\nissuer = 'x'\nclient_id = 'y'", "example: issuer is");
    refused("[accounts.providers.example]\nissuer = 'https://x'", "client_id");
    refused(&format!("{}{}", with("a", ""), with("b", "")), "b: issuer is that of another one");
    let many: String =
        (0..9).map(|n| with(&format!("p{n}"), "").replace("issuer.example", &format!("i{n}"))).collect();
    refused(&many, "up to 8");
    let keys = "environment = 'production'\ntokens.signing_key_file = 'k'\nvault.master_key = 'c2VjcmV0'\n";
    refused(&format!("{keys}{}", with("example", "")), "accounts.url");
    let https = format!("{keys}accounts.url = 'https://shop.example'\n");
    assert!(from_toml(&format!("{https}{}", with("example", ""))).is_ok());
    refused(&format!("{https}{}", with("example", "").replace("https://issuer", "http://issuer")), "https");
}

#[test]
fn roles_are_a_list_or_text() {
    assert_eq!(from_toml("roles = 'api, relay'").expect("valid").roles, [Part::Api, Part::Relay]);
    assert_eq!(from_toml("roles = ['reactor']").expect("valid").roles, [Part::Reactor]);
    assert!(refusal("roles = 'apy'").contains("apy"));
    assert!(refusal("roles = []").contains("one or more of api, relay"));
}

#[test]
fn a_mirror_needs_to_know_where_to() {
    assert!(refusal("roles = 'mirror'").starts_with("setting mirror.to: is required by the role mirror"));
    let to = "[mirror]\nto = 'esdb://ann:hunter2@db?tls=false'";
    assert!(from_toml(to).expect("valid").mirrors_to().is_none(), "only with its role");
    let config = from_toml(&format!("roles = 'mirror'\n{to}")).expect("valid");
    assert_eq!(config.mirrors_to().expect("it is named").port, 2113);
    let refused = refusal("[mirror]\nto = 'esdb://ann:hunter2@a,b'");
    assert!(refused.starts_with("setting mirror.to: names several hosts"), "{refused}");
    assert!(!show(&config).expect("serializes").contains("hunter2"));
}

#[test]
fn secrets_are_not_shown() {
    let config = from_toml("vault.master_key = 'hunter2'\ndatabase_url = 'postgres://a:hunter2@db/d'");
    let shown = show(&config.expect("valid")).expect("serializes");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("master_key"), "{shown}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let given =
        "roles = 'api'\n[http]\nmax_body = '2048KiB'\n[mail]\nfolder = '/m'\n[log]\nfilter = \"a='b'\"";
    let shown = show(&from_toml(given).expect("valid")).expect("serializes");
    assert!(shown.contains("max_body = \"2MiB\""), "{shown}");
    assert_eq!(show(&from_toml(&shown).expect(&shown)).expect("serializes"), shown);
}

#[test]
fn the_reference_lists_every_setting_with_all_that_is_known_of_it() {
    let reference = reference();
    let lines: BTreeSet<&str> = reference.lines().collect();
    for known in known() {
        let Known { setting, .. } = &known;
        assert!(setting.about.len() > 10 && setting.about.ends_with('.'), "{}", known.path());
        assert!(!setting.allowed.is_empty(), "{}", known.path());
        let spoken = reference.replace("\n# ", " ");
        assert!(spoken.contains(setting.about), "{}: {}", known.path(), setting.about);
        assert!(lines.contains(format!("# {}: {}", known.variable(), setting.allowed).as_str()));
        let begin = format!("#{} =", setting.name);
        assert!(lines.iter().any(|line| line.starts_with(&begin)), "{}", known.path());
    }
}

/// Every field that is shown is described, and nothing else is.
#[test]
fn the_reference_is_a_file_of_the_defaults() {
    let is_setting = |line: &&str| line.starts_with('[') || line.starts_with('#') && !line.starts_with("# ");
    let reference = reference();
    let uncommented = reference.lines().filter(is_setting).map(|line| line.trim_start_matches('#'));
    let with_defaults: Vec<&str> = uncommented.filter(|line| !line.ends_with(" =")).collect();
    let read: toml::Table = with_defaults.join("\n").parse().expect("TOML");
    let defaults: toml::Table = show(&Config::default()).expect("serializes").parse().expect("TOML");
    assert_eq!(read, defaults);
    from_toml(&reference).expect("nothing but comments and groups");
}

#[test]
fn a_listener_on_every_address_is_reached_on_this_machine() {
    for (listener, url) in [
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:80", "http://[::1]:80"),
        ("192.0.2.1:9", "http://192.0.2.1:9"),
    ] {
        let config =
            from_toml(&format!("api_listen = '{listener}'\nadmin_listen = '{listener}'")).expect("valid");
        assert_eq!((config.api_url().as_str(), config.admin_url().as_str()), (url, url));
    }
}
