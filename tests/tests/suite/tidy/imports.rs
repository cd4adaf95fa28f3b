//! Which package may know which, and which file of a package.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{Source, circles, files, none, root, rust_files};

/// Which of our packages may know which, by their folders: what is decided knows no other, the log joins the
/// halves, and no interface knows another, but GraphQL and gRPC, which ask what HTTP's routes offer.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("migrations", &["domain"]),
    ("commands", &["domain", "migrations"]),
    ("projections", &["domain", "migrations"]),
    ("api/core", &["domain", "migrations", "commands", "projections"]),
    ("api/http", &["domain", "migrations", "commands", "projections", "api/core"]),
    // What these ask and answer is that of HTTP's routes, in another form.
    ("api/graphql", &["domain", "migrations", "api/core", "api/http"]),
    // The listener that interfaces of gRPC add their services to.
    ("api/rpc", &["migrations", "api/core"]),
    ("api/door", &["domain", "migrations", "projections", "api/core", "api/rpc"]),
    ("api/grpc", &["domain", "projections", "api/core", "api/http", "api/rpc"]),
    ("api/mirror", &["domain", "projections", "api/core"]),
    ("api/effects", &["domain", "commands", "projections", "api/core"]),
    ("api/export", &["domain", "migrations", "projections", "api/core"]),
    ("api/load", &["domain"]),
    (
        "api/daybook",
        &[
            "domain",
            "migrations",
            "commands",
            "projections",
            "api/core",
            "api/http",
            "api/graphql",
            "api/rpc",
            "api/door",
            "api/grpc",
            "api/mirror",
            "api/effects",
            "api/export",
            "api/load",
        ],
    ),
    ("tests/dev", &[]),
];

/// What the domain may use of others: values and words, nothing that reads a clock, waits or talks.
const DOMAIN_MAY_USE: &[&str] = &[
    "caseless",
    "chrono",
    "idna",
    "iso_currency",
    "serde",
    "serde_json",
    "thiserror",
    "unicode-normalization",
    "uuid",
];

/// The name of the package in a folder.
fn package(folder: &str) -> String {
    let manifest: toml::Table = manifest(folder);
    manifest["package"]["name"].as_str().expect("a name").to_owned()
}

fn manifest(folder: &str) -> toml::Table {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
    manifest.parse().expect("valid TOML")
}

/// Names below `[dependencies]`, those of tests and builds not counted.
fn dependencies(folder: &str) -> BTreeSet<String> {
    manifest(folder)["dependencies"].as_table().expect("a table").keys().cloned().collect()
}

#[test]
fn crates_know_only_those_below_them() {
    for (folder, allowed) in MAY_IMPORT {
        let allowed: Vec<String> = allowed.iter().map(|folder| package(folder)).collect();
        let foreign = |name: &String| name.starts_with("daybook") && !allowed.contains(name);
        let named = dependencies(folder).into_iter().filter(foreign);
        none(&format!("{folder} must not know these crates"), named);
        let mentions = files(folder, ".rs").into_iter().flat_map(|file| {
            let others = MAY_IMPORT.iter().map(|(other, _)| package(other)).filter(|other| {
                let used =
                    [format!("use {}::", other.replace('-', "_")), format!(" {}::", other.replace('-', "_"))];
                *other != package(folder)
                    && !allowed.contains(other)
                    && used.iter().any(|used| file.text.contains(used))
            });
            others.map(|other| format!("{}: {other}", file.path)).collect::<Vec<_>>()
        });
        none(&format!("{folder} must not use these crates"), mentions);
    }
}

/// The files of each crate below the folder of its root (`lib.rs` or `main.rs`), by that folder.
fn crates() -> BTreeMap<String, Vec<Source>> {
    let files = rust_files();
    let folder = |path: &str| Some(path.rsplit_once('/')?.0.to_owned());
    let is_root = |file: &&Source| ["/lib.rs", "/main.rs"].iter().any(|root| file.path.ends_with(root));
    let roots: BTreeSet<String> =
        files.iter().filter(is_root).filter_map(|file| folder(&file.path)).collect();
    let mut crates: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for file in files {
        let within = |root: &&String| file.path.starts_with(&format!("{root}/"));
        // A program's folder may be inside of a library's.
        if let Some(root) = roots.iter().filter(within).max_by_key(|root| root.len()) {
            crates.entry(root.clone()).or_default().push(file);
        }
    }
    crates
}

#[test]
fn files_of_a_crate_never_need_each_other_in_a_circle() {
    let crates = crates();
    for krate in [
        "domain/src",
        "commands/src",
        "projections/src",
        "api/core/src",
        "api/http/src",
        "tests/src/bin/bench",
        "tests/dev/src/bin/dev",
    ] {
        assert!(crates.get(krate).is_some_and(|files| files.len() > 3), "{krate} has files");
    }
    let findings = crates.iter().flat_map(|(krate, sources)| {
        let files: Vec<circles::File<'_>> = sources
            .iter()
            .map(|source| circles::File {
                path: &source.path[krate.len() + 1..],
                text: source.without_tests(),
            })
            .collect();
        circles::circles(&files).into_iter().map(move |circle| format!("{krate}: {circle}"))
    });
    none("move a definition to the file that it belongs to", findings);
}

#[test]
fn the_domain_uses_nothing_that_does_anything() {
    let others = dependencies("domain").into_iter().filter(|name| !DOMAIN_MAY_USE.contains(&name.as_str()));
    none("the domain is pure: values in, values out", others);
}

/// A handler that both writes and reads would decide something. The wiring makes both halves, the app
/// carries them, the configuration has the settings of both, and what both have to say is told in one way.
#[test]
fn the_halves_meet_only_in_the_wiring() {
    let homes = [
        "daybook/src/wiring.rs",
        "core/src/app.rs",
        "core/src/config.rs",
        // People are registered by commands, which effects ask for.
        "core/src/identity/opening.rs",
        "core/src/identity/order_claims.rs",
        "core/src/identity/registering.rs",
        "core/src/identity/shared.rs",
        // What is due is done by a command.
        "effects/src/commanding.rs",
        "http/src/error.rs",
        "http/src/answer.rs",
        "http/src/problem/catalogue.rs",
    ]
    .map(|home| format!("api/{home}"));
    let both = files("api", ".rs").into_iter().filter(|file| {
        let text = file.without_tests();
        text.contains("daybook_commands::") && text.contains("daybook_projections::")
    });
    let elsewhere = both.map(|file| file.path).filter(|path| !homes.contains(path));
    none("commands and projections are joined by the log, and by the wiring", elsewhere);
}

/// Reads are for every interface, so each of them is allowed or refused alike everywhere.
#[test]
fn reads_know_no_interface() {
    let marks = ["actix_web", "daybook_http", "Problem"];
    let reads = files("api/core/src/reads", ".rs");
    assert!(reads.len() > 5, "the reads are there");
    let knowing = reads.into_iter().filter(|file| marks.iter().any(|mark| file.text.contains(mark)));
    none("translate in the interface, not in the read", knowing.map(|file| file.path));
}
