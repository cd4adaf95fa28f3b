//! Tests of the walkthrough that adds an aggregate: its patch applies and compiles, and it changes the files
//! that the walkthrough and ARCHITECTURE.md name.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const PATCH: &str = include_str!("../../../docs/walkthroughs/voucher.patch");
const WALKTHROUGH: &str = include_str!("../../../docs/walkthroughs/voucher.md");
const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// The variables of a test that say which package it belongs to begin like this.
const OF_TESTS: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];

/// The numbers of lines that the patch adds to a file and removes from it.
#[derive(Default)]
struct Change {
    is_new: bool,
    added: usize,
    removed: usize,
}

/// The patch's changes, by the path of the file.
fn changes() -> BTreeMap<&'static str, Change> {
    let files = PATCH.split("\ndiff --git ").map(|file| file.trim_start_matches("diff --git "));
    let change = |file: &'static str| {
        let (head, hunks) = file.split_once("\n@@ ").expect("each file has a hunk");
        let (_, path) = head.lines().next().and_then(|names| names.split_once(" b/")).expect("two names");
        // The first line is the rest of the first hunk's head.
        let count = |mark: char| hunks.lines().skip(1).filter(|line| line.starts_with(mark)).count();
        let is_new = head.contains("\nnew file mode ");
        (path, Change { is_new, added: count('+'), removed: count('-') })
    };
    files.map(change).collect()
}

#[test]
fn the_walkthrough_names_every_file_with_its_lines() {
    let changes = changes();
    let (mut new, mut old) = ((0, 0), (0, 0, 0));
    for change in changes.values() {
        if change.is_new {
            new = (new.0 + 1, new.1 + change.added);
        } else {
            old = (old.0 + 1, old.1 + change.added, old.2 + change.removed);
        }
    }
    let said = format!(
        "It has {} new files with {} lines; in {} files that were there, it adds {} lines and takes {} away.",
        new.0, new.1, old.0, old.1, old.2
    );
    assert!(WALKTHROUGH.contains(&said), "say in docs/walkthroughs/voucher.md:\n{said}");
    let rows: Vec<&str> = WALKTHROUGH.lines().filter(|line| line.starts_with("| `")).collect();
    for (path, Change { added, removed, .. }) in &changes {
        let row = format!("| `{path}` | +{added} -{removed} | ");
        assert!(rows.iter().any(|line| line.starts_with(&row)), "it has no row that begins with {row}");
    }
    assert_eq!(rows.len(), changes.len(), "a row of the walkthrough is about nothing");
}

/// Engineers who add an aggregate follow that table.
#[test]
fn the_architecture_names_every_place_that_a_new_aggregate_touches() {
    let (_, table) = ARCHITECTURE.split_once("\n## To add a thing\n").expect("the chapter");
    let (table, _) = table.split_once("\n## ").expect("the next chapter");
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    // The table leaves out folders that are clear from the file in the same row.
    let is_named = |path: &str| named.iter().any(|name| path == *name || path.ends_with(&format!("/{name}")));
    let changes = changes();
    let touched = changes.iter().filter(|(_, change)| !change.is_new).map(|(path, _)| *path);
    let missing: Vec<&str> = touched.filter(|path| !is_named(path)).collect();
    assert!(missing.is_empty(), "say in ARCHITECTURE.md when these are touched: {missing:?}");
}

/// Catches: a change after which the walkthrough doesn't work any more.
#[test]
fn the_patch_of_the_walkthrough_applies_and_compiles() {
    let copy = target().join("walkthrough");
    let lock = File::create(target().join("walkthrough.lock")).expect("a file");
    lock.lock().expect("another run ends");
    // The folder is always the same one: the compiler starts from what it kept of that.
    let _ = fs::remove_dir_all(&copy);
    copy_sources(&root(), &copy);
    let patch = root().join("docs/walkthroughs/voucher.patch");
    for apply in [&["apply", "--check"][..], &["apply"]] {
        run(git(&copy).args(apply).arg(&patch));
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["check", "--workspace", "--tests", "--locked", "--offline"]).current_dir(&copy);
    // In the folder of this build, the dependencies are compiled already. The wrapper does nothing, but cargo
    // keeps apart what was compiled with one: packages of the copy have the same names as ours.
    cargo.env("CARGO_TARGET_DIR", target()).env("RUSTC_WORKSPACE_WRAPPER", "env");
    // Some dependencies are compiled anew when these change, and only tests have them.
    let of_test = |name: &String| OF_TESTS.iter().any(|of_tests| name.starts_with(of_tests));
    for name in std::env::vars().map(|(name, _)| name).filter(of_test) {
        cargo.env_remove(name);
    }
    run(&mut cargo);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// Cargo's target folder. This program is in its `debug/deps/`.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let target = own.ancestors().nth(3).expect("it is three folders deep");
    target.canonicalize().expect("a folder")
}

/// Copies all files that are tracked, and those that are new and not ignored, as they are now.
fn copy_sources(from: &Path, to: &Path) {
    let listed = run(git(from).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]));
    for name in listed.split_terminator('\0') {
        let (source, copy) = (from.join(name), to.join(name));
        // A deleted file is listed until the deletion is committed.
        if source.is_file() {
            fs::create_dir_all(copy.parent().expect("a file is in a folder")).expect("a folder");
            fs::copy(source, copy).expect("a copy");
        }
    }
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    // The clone may belong to another user, as in a container.
    git.arg("-C").arg(folder).args(["-c", "safe.directory=*"]);
    // Git must not take the copy for a part of a repository around it: it would skip all files of the patch.
    git.env("GIT_CEILING_DIRECTORIES", target()).env_remove("GIT_DIR");
    git
}

/// Runs the command, which must succeed, and returns what it prints.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).expect("names are text")
}
