//! Rules of the house that no compiler knows. Each says what to do about a finding.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/states.rs"]
mod states;
#[path = "tidy/tokens.rs"]
mod tokens;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use daybook_http::problem::catalogue;

/// A bit more than the 400 that we aim at.
const MAX_LINES: usize = 450;

/// Where cqrs-es meets our code; the last is the bench's comparison.
const CQRS_ES_HOMES: &[&str] =
    &["commands/src/host.rs", "projections/src/verify/second_look.rs", "tests/src/bin/bench/comparison.rs"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "service", "services"];

/// Words of states that mean something else.
const OTHER_MEANINGS: &[states::Exception] = &[
    states::Exception {
        path: "read_models/sales.rs",
        word: "cancelled",
        reason: "a member of an answer, which has sums",
    },
    states::Exception { path: "domain/src/code.rs", word: "unavailable", reason: "a code" },
    states::Exception { path: "graphql/src/page.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "graphql/src/mutations.rs", word: "replayed", reason: "a member of a payload" },
    states::Exception { path: "console/mod.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "http/src/docs.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "http/src/html.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "pages/look.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "pages/browser.rs", word: "none", reason: "where a request is from" },
    states::Exception { path: "http/src/observe.rs", word: "none", reason: "a request without a route" },
    states::Exception { path: "http/src/security.rs", word: "none", reason: "a browser's policy" },
    states::Exception { path: "daybook/src/traces.rs", word: "none", reason: "no exporter of OpenTelemetry" },
    states::Exception { path: "grpc/src/desk.rs", word: "replayed", reason: "a member of an answer" },
    states::Exception { path: "load/src/compare.rs", word: "none", reason: "a price that is not there" },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// A file of ours, its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Without what is there for tests only.
    fn without_tests(&self) -> &str {
        if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            return "";
        }
        self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }
}

/// All files below a folder that end like this.
fn files(folder: &str, ending: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.expect("a folder's entry").path()) {
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| Source {
            text: fs::read_to_string(&path).expect("a text file"),
            path: path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned(),
        })
        .collect()
}

fn rust_files() -> Vec<Source> {
    ["domain", "migrations", "commands", "projections", "api", "tests"]
        .into_iter()
        .flat_map(|krate| files(krate, ".rs"))
        .collect()
}

#[track_caller]
fn none(what: &str, findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

/// One that is not started would do nothing, and that would not be seen.
#[test]
fn every_worker_stands_in_the_list_of_its_crate() {
    for (krate, list) in
        [("projections/src", "projections/src/lib.rs"), ("api", "api/daybook/src/workers.rs")]
    {
        let sources = files(krate, ".rs");
        let list = sources.iter().find(|file| file.path == list).expect("the list");
        let workers: Vec<(&str, &Source)> = sources
            .iter()
            .flat_map(|file| file.without_tests().lines().map(move |line| (line, file)))
            .filter_map(|(line, file)| {
                let name = line.split_once(" Worker for ")?.1;
                Some((name.split(|c: char| !c.is_alphanumeric()).next()?, file))
            })
            .collect();
        assert!(workers.len() > 3, "{krate} has workers");
        // Those of one worker's own are listed while they are there.
        let is_part = |file: &Source| file.text.contains(".part(");
        let unlisted = workers.iter().filter(|(name, file)| !list.text.contains(name) && !is_part(file));
        none("list these", unlisted.map(|(name, file)| format!("{}: {name}", file.path)));
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long = rust_files().into_iter().filter_map(|file| {
        let lines = file.without_tests().lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines}", file.path))
    });
    none(&format!("split these by what a reader looks for (at most {MAX_LINES} lines)"), long);
}

#[test]
fn cqrs_es_stays_in_its_homes() {
    let elsewhere = rust_files()
        .into_iter()
        .filter(|file| file.text.contains("cqrs_es::") || file.text.contains("postgres_es::"))
        .map(|file| file.path)
        .filter(|path| !CQRS_ES_HOMES.contains(&path.as_str()) && !path.ends_with("suite/tidy.rs"));
    none("cqrs-es is the contract of one file in each half", elsewhere);
}

/// Old shapes are known to the domain's `decode` alone: what reads a payload in another way reads
/// today's events, until one of them changes.
#[test]
fn stored_payloads_are_read_in_one_place() {
    let marks = ["from_str(record.payload", "from_str(&record.payload", "payload->"];
    let elsewhere = ["commands", "projections", "api"].into_iter().flat_map(|krate| files(krate, ".rs"));
    let readers = elsewhere.filter(|file| marks.iter().any(|mark| file.without_tests().contains(mark)));
    none(
        "read events with Record::decode or stored::decode, and tell of them with published::publish",
        readers.map(|file| file.path),
    );
}

/// A stored event may change from one release to the next; what others were told may not.
#[test]
fn what_leaves_the_house_is_the_public_event() {
    // Behind --raw, for operators; and the effects, whose records are the reactor's.
    let homes = ["api/core/src/event_line.rs", "api/effects/"];
    let marks = [".event_type", ".payload", ".metadata"].map(|member| format!("record{member}"));
    let tellers = files("api", ".rs").into_iter().filter(|file| {
        !homes.iter().any(|home| file.path.starts_with(home))
            && marks.iter().any(|mark| file.without_tests().contains(mark))
    });
    none("tell of events with published::publish", tellers.map(|file| file.path));
}

/// A page that lies about, or a room whose codes the catalogue doesn't have.
#[test]
fn every_page_about_a_code_belongs_to_a_code_of_the_catalogue() {
    let pages =
        ["domain", "commands", "projections", "api"].into_iter().flat_map(|krate| files(krate, ".md"));
    let about: BTreeSet<String> = pages
        .filter_map(|page| Some(page.path.split_once("/codes/")?.1.trim_end_matches(".md").to_owned()))
        .collect();
    let codes: BTreeSet<String> = catalogue().map(|code| code.to_string()).collect();
    none("list the room of these in the catalogue, or delete their pages", about.difference(&codes).cloned());
    none("these have no page", codes.difference(&about).cloned());
}

/// A code is compared as a value: `GeneralCode::NotFound`, or by its kind. `load` is a client of the API and knows
/// codes as they are sent.
#[test]
fn codes_are_not_compared_as_text() {
    let homes =
        ["domain", "commands", "projections", "api"].into_iter().flat_map(|krate| files(krate, ".rs"));
    let found = homes.filter(|file| !file.path.starts_with("api/load/")).flat_map(|file| {
        let compares = |line: &&str| {
            let compared = |code| [format!("== \"{code}\""), format!("!= \"{code}\"")];
            let matched = |code| [format!("\"{code}\" =>"), format!("\"{code}\" |")];
            let marks = |code| [compared(code), matched(code)].concat();
            catalogue().any(|code| marks(code).iter().any(|mark| line.contains(mark)))
        };
        let lines = file.without_tests().lines().filter(compares);
        lines.map(|line| format!("{}: {}", file.path, line.trim())).collect::<Vec<_>>()
    });
    none("name the enum's variant", found);
}

/// What the database, the API and the metrics say of states has one spelling, and the compiler knows it.
#[test]
fn states_are_spelled_in_their_enum_only() {
    let sources: Vec<Source> =
        rust_files().into_iter().filter(|file| !file.path.starts_with("tests/")).collect();
    let files: Vec<states::File<'_>> = sources
        .iter()
        .map(|source| states::File { path: &source.path, text: source.without_tests() })
        .collect();
    none("name the enum's variant", states::strays(&files, OTHER_MEANINGS));
}

/// With its type, name, help and labels in a list that a reader finds.
#[test]
fn metrics_are_declared_in_one_way() {
    let marks = ["int_", "gauge", "counter", "histogram"].map(|kind| format!("register_{kind}"));
    let others = rust_files().into_iter().filter(|file| marks.iter().any(|mark| file.text.contains(mark)));
    let elsewhere = others.map(|file| file.path).filter(|path| path != "migrations/src/metrics.rs");
    none("declare these with metrics!", elsewhere);
}

#[test]
fn names_say_what_is_inside() {
    let empty = rust_files().into_iter().map(|file| file.path).filter(|path| {
        let mut parts = path.trim_end_matches(".rs").split('/');
        parts.any(|part| EMPTY_NAMES.contains(&part))
    });
    none("name these after their job", empty);
    let modules = rust_files().into_iter().flat_map(|file| {
        let of_line = |line: &str| {
            let name = line.trim().trim_start_matches("pub ").strip_prefix("mod ")?;
            let name = name.trim_end_matches([';', ' ', '{']);
            EMPTY_NAMES.contains(&name).then(|| format!("{}: mod {name}", file.path))
        };
        file.text.lines().filter_map(of_line).collect::<Vec<_>>()
    });
    none("name these after their job", modules);
}

#[test]
fn nothing_is_left_to_be_done() {
    // In pieces, so that this file isn't a finding.
    let marks =
        [["to", "do!("].concat(), ["db", "g!("].concat(), ["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let left = rust_files().into_iter().flat_map(|file| {
        let found = marks.iter().filter(|mark| file.text.contains(*mark));
        found.map(|mark| format!("{}: {mark}", file.path)).collect::<Vec<_>>()
    });
    none("finish these, or say in words what is missing", left);
}

#[test]
fn every_migration_says_why() {
    let mute = files("migrations", ".sql").into_iter().filter(|file| !file.text.starts_with("-- "));
    none("begin these with a comment", mute.map(|file| file.path));
}

#[test]
fn every_module_says_what_it_is() {
    // An endpoint's file is its handler, which says what it is to the readers of the API, too.
    let is_endpoint = |path: &str| !path.ends_with("/mod.rs") && path.starts_with("api/http/src/routes/");
    let exempt = |path: &str| {
        let thin = ["/tests.rs", "/decide.rs", "api/daybook/src/main.rs"];
        thin.iter().any(|end| path.ends_with(end)) || path.contains("/tests/") || is_endpoint(path)
    };
    let mute = rust_files().into_iter().filter(|file| !file.text.trim_start().starts_with("//!"));
    none("begin these with //!", mute.map(|file| file.path).filter(|path| !exempt(path)));
}

/// A handler gets a read, a command or an operator's tool.
#[test]
fn no_handler_reaches_a_pool() {
    let handlers = ["api/http", "api/graphql"].into_iter().flat_map(|interface| files(interface, ".rs"));
    let reach = handlers.filter(|file| {
        let text = file.without_tests();
        ["PgPool", ".pool", "sqlx::query"].iter().any(|mark| text.contains(mark))
    });
    none("give these a tool that has the pool", reach.map(|file| file.path));
}

/// The door of a route, a read's scope and a use case ask the policy. What else does has a rule of its own.
#[test]
fn nothing_else_authorizes() {
    let homes = [
        "api/http/src/route.rs",
        "api/core/src/reads/access.rs",
        "api/core/src/reads/read.rs",
        "api/core/src/reads/stock_history.rs",
        // An account is read by its owner and by those who may read all.
        "api/core/src/identity/accounts.rs",
        // What it needs to end someone's sessions depends on what they may do.
        "api/core/src/identity/sessions_of_others.rs",
        "api/http/src/pages/visit.rs",
        "commands/src/context.rs",
    ];
    let marks = ["authorize(", "may_ever(", ".may("];
    let files = ["commands", "projections", "api"].into_iter().flat_map(|krate| files(krate, ".rs"));
    let askers = files.filter(|file| marks.iter().any(|mark| file.without_tests().contains(mark)));
    let elsewhere = askers.map(|file| file.path).filter(|path| !homes.contains(&path.as_str()));
    none("ask the policy in a read, a use case or at the door", elsewhere);
}

/// What is sent has a type, and the type its schema.
#[test]
fn nothing_is_any_object() {
    let any = ["Any", "Object"].concat();
    let shapeless = files("api", ".rs").into_iter().filter(|file| file.text.contains(&any));
    none("give these answers a type", shapeless.map(|file| file.path));
}

/// One that begins with "Of" leaves out what it is about, and these words leave out whether a person or a program is
/// meant. Applied migrations can't be changed.
#[test]
fn comments_are_sentences() {
    let vague = ["whoever", "somebody", "nobody"];
    let fragments = rust_files().into_iter().flat_map(|file| {
        let is_fragment = |line: &&str| {
            let comment =
                line.split_once("// ").or_else(|| line.split_once("//!")).or_else(|| line.split_once("///"));
            let comment = comment.map(|(_, comment)| comment.trim()).unwrap_or_default();
            let mut words = comment.split(|c: char| !c.is_alphanumeric());
            comment.starts_with("Of ") || words.any(|word| vague.contains(&word.to_lowercase().as_str()))
        };
        let lines = file.text.lines().filter(is_fragment);
        lines.map(|line| format!("{}: {}", file.path, line.trim())).collect::<Vec<_>>()
    });
    none("write whole sentences that name their subject", fragments);
}
