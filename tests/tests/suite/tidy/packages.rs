//! Which packages of others Daybook is made of: where they come from, under which licences, and which it never has.

use std::process::Command;

use serde_json::Value;

use super::{none, root};

/// Licences that ask for no more than their own text.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Packages that are never a part of it, each with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls, which needs no library of the system"),
    ("native-tls", "TLS is rustls, which needs no library of the system"),
];

/// What is wrong with a package, if anything is.
fn finding(package: &Value) -> Option<String> {
    let text = |member: &str| package[member].as_str().unwrap_or_default();
    let name = text("name");
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        return Some(format!("{name} is banned: {reason}"));
    }
    // Our own packages come from no registry.
    if package["source"].is_null() {
        return None;
    }
    if text("source") != CRATES_IO {
        return Some(format!("{name} comes from {}", text("source")));
    }
    (!is_allowed(text("license"))).then(|| format!("{name} is licensed as {:?}", text("license")))
}

/// Whether an expression of SPDX leaves us a choice that is allowed. The slash of old manifests means `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = either(&mut rest);
    allowed && rest.is_empty()
}

/// Alternatives, which bind less than `AND`.
fn either(rest: &mut &[&str]) -> bool {
    let mut allowed = both(rest);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        allowed |= both(rest);
    }
    allowed
}

fn both(rest: &mut &[&str]) -> bool {
    let mut allowed = one(rest);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        allowed &= one(rest);
    }
    allowed
}

/// A licence, with an exception that only allows more, or an expression in brackets.
fn one(rest: &mut &[&str]) -> bool {
    let [first, tail @ ..] = *rest else { return false };
    *rest = tail;
    if *first == "(" {
        let allowed = either(rest);
        let [")", tail @ ..] = *rest else { return false };
        *rest = tail;
        return allowed;
    }
    if let ["WITH", _, tail @ ..] = *rest {
        *rest = tail;
    }
    LICENCES.contains(first)
}

#[test]
fn packages_of_others_come_from_crates_io_under_licences_that_ask_for_nothing() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root());
    let said = cargo.output().expect("cargo runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let metadata: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 300, "{}", packages.len());
    none("replace the package", packages.iter().filter_map(finding));
}

#[test]
fn an_expression_of_licences_is_read_as_spdx_means_it() {
    for allowed in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 AND MIT OR AGPL-3.0", "(MIT", "MIT Apache-2.0"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
}
