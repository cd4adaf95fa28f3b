//! The verbs of the built program, as people and scripts call them.

use std::process::Command;

use daybook_tests::{Program, server::Folder};

/// What it prints on both outputs, and whether it ends well.
fn daybook(arguments: &[&str]) -> (String, bool) {
    let folder = Folder::new("daybook-verbs", None);
    let mut command = Command::new(Program::this().path());
    command.current_dir(folder.path()).env_clear().args(arguments);
    let output = command.output().expect("it is built");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.success())
}

/// Catches: `daybook config --docs | head -1` that ends in a panic.
#[test]
fn an_output_that_nobody_reads_is_no_failure() {
    let folder = Folder::new("daybook-verbs", None);
    let token = ["token", "--subject", "alice", "--role", "customer"];
    for arguments in [&["config", "--docs"][..], &["config"], &token, &["--help"]] {
        for is_error_closed in [false, true] {
            let closed = || {
                let (reader, writer) = std::io::pipe().expect("a pipe");
                drop(reader);
                writer
            };
            let mut command = Command::new(Program::this().path());
            command.current_dir(folder.path()).env_clear().args(arguments).stdout(closed());
            if is_error_closed {
                command.stderr(closed());
            }
            let output = command.output().expect("it is built");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && told.is_empty(), "{arguments:?}: {told}");
        }
        // Where it fails, it says so by its exit code, also if nothing can be read.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(Program::this().path());
        command.current_dir(folder.path()).env_clear().args(["export", "--after", "0"]).stderr(writer);
        let ended = command.env("DAYBOOK_DATABASE_URL", "nonsense").status().expect("it is built");
        assert_eq!(ended.code(), Some(1), "{arguments:?}");
    }
}

/// Catches: a verb that makes what the server refuses.
#[test]
fn a_token_that_no_server_takes_is_not_made() {
    let long = "x".repeat(129);
    for (subject, ttl, reason) in [
        ("", "1h", "subject"),
        (" alice", "1h", "subject"),
        ("a\nb", "1h", "subject"),
        (&long, "1h", "subject"),
        ("alice", "367d", "366d"),
        ("alice", "0s", "366d"),
    ] {
        let (told, is_well) = daybook(&["token", "--subject", subject, "--role", "customer", "--ttl", ttl]);
        assert!(!is_well && told.contains(reason), "{subject:?} {ttl}: {told}");
    }
    let (told, is_well) = daybook(&["token", "--subject", "alice", "--role", "customer", "--ttl", "366d"]);
    assert!(is_well, "{told}");
}

/// Catches: a program that can't say which release it is. The commit is known to builds that are told it.
#[test]
fn the_program_says_its_release() {
    let (told, is_well) = daybook(&["--version"]);
    let rest = told.trim().strip_prefix(concat!("daybook ", env!("CARGO_PKG_VERSION")));
    let rest = rest.unwrap_or_else(|| panic!("{told}"));
    assert!(is_well && (rest.is_empty() || rest.starts_with(" (") && rest.ends_with(')')), "{told}");
}
