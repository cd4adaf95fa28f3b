//! The files in `deploy/` say what is so: settings that there are, and rights that are enough. So do the runbooks of its
//! alerts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use daybook_core::config::{Part, known};
use daybook_tests::{OwnNats, TestApp, until};

const PREFIX: &str = "DAYBOOK_";
/// Names that begin like a setting and are something else.
const NO_SETTINGS: [&str; 1] = ["DAYBOOK_EVENTS"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// All files below a folder that end like this, with what they say.
fn files_with(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_with(&path, ending),
            false if !path.to_string_lossy().ends_with(ending) => vec![],
            false => vec![(path.clone(), fs::read_to_string(&path).unwrap())],
        })
        .collect()
}

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    files_with(folder, "")
}

/// Catches: a setting that was given another name, which a server would refuse to start with.
#[test]
fn every_variable_that_is_set_there_is_a_setting() {
    let settings: BTreeSet<String> = known().iter().map(|known| known.variable()).collect();
    let mut found = 0;
    for (path, text) in files(&folder()) {
        let is_of_a_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let names = text.split(|c: char| !is_of_a_name(c)).filter(|name| {
            name.starts_with(PREFIX) && name.len() > PREFIX.len() && !NO_SETTINGS.contains(name)
        });
        for name in names {
            assert!(settings.contains(name), "{}: {name}", path.display());
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}

/// Catches: a manifest that is not applied.
#[test]
fn kustomize_is_told_of_every_manifest() {
    let folder = folder().join("k8s");
    let list = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let told: BTreeSet<&str> = list.split([' ', '[', ']', '\n']).collect();
    for (path, _) in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name == "kustomization.yaml" || told.contains(name), "list {name}");
    }
}

/// Catches: variables that Kubernetes makes of services, which are no settings, so nothing would start.
#[test]
fn no_pod_is_told_of_services_by_variables() {
    let mut pods = 0;
    for (path, text) in files(&folder().join("k8s")) {
        let of_this = text.matches("\n      containers:\n").count();
        assert_eq!(
            text.matches("\n      enableServiceLinks: false\n").count(),
            of_this,
            "{}",
            path.display()
        );
        pods += of_this;
    }
    assert_eq!(pods, 3);
}

/// Catches: a compiler that is too old.
#[test]
fn the_image_is_built_with_the_version_of_rust_that_is_needed() {
    let file = fs::read_to_string(folder().join("Dockerfile")).unwrap();
    assert!(file.contains(&format!("\nARG BUILDER=rust:{}-", env!("CARGO_PKG_RUST_VERSION"))));
}

fn alerts() -> String {
    fs::read_to_string(folder().join("prometheus/alerts.yml")).unwrap()
}

/// Each with the name of the alert that it is about.
fn runbooks() -> Vec<(String, String)> {
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files(&folder().join("../docs/runbooks")).into_iter().map(|(path, text)| (name(&path), text)).collect()
}

/// Catches: an alert that leaves its reader alone; a page about an alert that is no longer there.
#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    let rules = alerts();
    let alerts: BTreeSet<&str> = rules
        .split("\n      - ")
        .filter_map(|rule| {
            let name = rule.strip_prefix("alert: ")?.lines().next()?;
            let runbook = format!("          runbook: docs/runbooks/{name}.md");
            assert!(rule.lines().any(|line| line == runbook), "{name}");
            assert!(
                rule.contains("\n          summary: ") && rule.contains("\n          description: "),
                "{name}"
            );
            assert!(rule.contains("\n          severity: "), "{name}");
            Some(name)
        })
        .collect();
    let pages = runbooks();
    for (name, text) in &pages {
        assert!(text.starts_with(&format!("# {name}\n")), "{name}");
    }
    let pages: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(alerts, pages);
    assert!(alerts.len() > 20, "{alerts:?}");
}

/// Catches: a setting or an endpoint that a runbook sends its reader to, and that is not there.
#[test]
fn runbooks_name_what_there_is() {
    let settings: BTreeSet<String> = known().iter().map(|known| known.variable()).collect();
    let documents: Vec<serde_json::Value> = ["api.json", "admin.json"]
        .map(|name| folder().join("../api/http/openapi").join(name))
        .map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .into();
    let is_there = |method: &str, path: &str| {
        let method = method.to_lowercase();
        documents.iter().any(|document| document["paths"][path][&method].is_object())
    };
    let pages = runbooks();
    let (mut named, mut asked) = (0, 0);
    for (page, text) in &pages {
        for span in text.split('`').skip(1).step_by(2) {
            let is_word = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if let Some((group, setting)) = span.split_once('.')
                && is_word(group)
                && is_word(setting)
                && setting != "yaml"
            {
                let variable = format!("{PREFIX}{group}__{setting}").to_uppercase();
                assert!(settings.contains(&variable), "{page}: {span}");
                named += 1;
            }
            if let Some((method, path)) = span.split_once(' ')
                && path.starts_with('/')
            {
                assert!(is_there(method, path), "{page}: {span}");
                asked += 1;
            }
        }
    }
    assert!(named > 20 && asked > 20, "{named} settings, {asked} endpoints");
}

/// Catches: a word that no series has, so an alert that is never raised or a panel that stays empty.
#[test]
fn what_labels_are_asked_for_is_in_the_code() {
    let code: String = ["api", "commands", "projections", "domain"]
        .into_iter()
        .flat_map(|part| files_with(&folder().join("..").join(part), ".rs"))
        .map(|(_, text)| text)
        .collect();
    let dashboard = fs::read_to_string(folder().join("grafana/daybook.json")).unwrap().replace("\\\"", "\"");
    let mut words = 0;
    for text in [alerts(), dashboard] {
        for asked in text.split(['{', ',']) {
            let Some((label, rest)) = asked.split_once(['=', '!']) else { continue };
            if !["state", "reason", "outcome", "projection", "route"].contains(&label) {
                continue;
            }
            for word in rest.split('"').nth(1).unwrap_or_default().split('|') {
                assert!(code.contains(&format!("\"{word}\"")), "{label}: {word}");
                words += 1;
            }
        }
    }
    assert!(words > 50, "{words}");
}

/// Catches: rights at the broker that aren't enough; a client that doesn't say who it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_lets_daybook_do_what_it_does() {
    let mut nats = OwnNats::configured(&folder().join("nats/server.conf"));
    let app = TestApp::start_with(|config| {
        config.nats_url = nats.url().as_str().into();
        // The rights are for these names, and a test has others.
        (config.stream.name, config.stream.subject_prefix) = ("DAYBOOK".into(), "daybook".into());
        config.roles = vec![Part::Api, Part::Relay, Part::Projections, Part::Reactor, Part::Publisher];
    })
    .await;
    let carried = async |what: &str| {
        until(what, async || {
            let log = app.operator().get("/admin/log").await.expect(200).json();
            let workers = app.operator().get("/admin/workers").await.expect(200).json();
            let feed = workers.as_array().unwrap().iter().find(|worker| worker["name"] == "feed");
            log["relay_position"] == log["head"]
                && log["publisher_position"] == log["head"]
                && feed.is_some_and(|feed| feed["state"] == "running")
        })
        .await;
    };
    app.sell("TEA-1", 1999, 10).await;
    carried("both streams have the log").await;
    // The consumer is made anew, and so are the streams.
    nats.kill();
    nats.wipe();
    nats.restart();
    app.sell("TEA-2", 1999, 10).await;
    carried("both streams have it again").await;
}
