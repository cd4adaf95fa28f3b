//! `./dev` on machines that lack something: it says what before it builds, and `./dev doctor` says it of everything. The
//! machines are this one with other programs first on the PATH.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use daybook_tests::server::{Folder, User};

use crate::dev::copy_script;

const LISTENERS: [&str; 4] =
    ["DAYBOOK_API_LISTEN", "DAYBOOK_ADMIN_LISTEN", "DAYBOOK_TELEMETRY_LISTEN", "DAYBOOK_DOOR__LISTEN"];

/// A clone with a PATH of its own. Rust is new enough, the network is there, no port is taken, and cargo leaves a mark.
struct Machine {
    folder: Folder,
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: Folder::new("daybook-machine", User::of_postgres()), variables: vec![] };
        copy_script(machine.folder.path());
        machine.make_folder("bin");
        machine
            .with("rustc", "echo 'release: 9.9.0'")
            .with("curl", "case $* in *https:*) exit 0 ;; *) exit 7 ;; esac")
            .with("df", &df(50_000))
            .with("cargo", r#"[ "$1" != build ] || : >"$0.built""#)
    }

    /// A program that does this instead of what it does on this machine.
    fn with(self, name: &str, does: &str) -> Self {
        let program = self.path("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// For the user who calls the script.
    fn make_folder(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
        if let Some(user) = User::of_postgres() {
            user.own(&self.path(name)).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The exit code, and what is said. If we are root, another user calls the script: to root, no folder is closed.
    fn dev(&self, arguments: &[&str]) -> (i32, String) {
        let mut dev = Command::new(self.path("dev"));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        dev.args(arguments).env("PATH", path).env("TMPDIR", self.folder.path());
        for name in LISTENERS.into_iter().chain(["DAYBOOK_HOME", "CARGO_BUILD_TARGET_DIR"]) {
            dev.env_remove(name);
        }
        dev.env("CARGO_TARGET_DIR", self.path("target")).envs(self.variables.iter().cloned());
        let output = User::run(&mut dev, User::of_postgres()).output().expect("the script runs");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
        (output.status.code().unwrap_or(-1), said.concat())
    }

    /// `up` ends with this sentence, and has built nothing.
    #[track_caller]
    fn expect_refused(&self, sentence: &str) {
        let (code, said) = self.dev(&["up"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.starts_with("dev: ") && said.lines().count() == 1, "one sentence: {said}");
        assert!(said.contains(sentence), "{said}");
        assert!(!self.path("bin/cargo.built").exists(), "it was built: {said}");
        let (code, report) = self.dev(&["doctor"]);
        assert_eq!(code, 1, "{report}");
        let is_told = |line: &str| line.starts_with("missing") && line.contains(sentence);
        assert!(report.lines().any(is_told), "the doctor says it, too: {report}");
    }

    /// The lines about what is missing of which `up` has need.
    fn missing(report: &str) -> Vec<&str> {
        let needed = report.split("\n\n").next().unwrap_or_default();
        needed.lines().filter(|line| line.starts_with("missing")).collect()
    }
}

fn df(free_mb: u64) -> String {
    let free_kb = free_mb * 1024;
    format!("echo Filesystem; echo '/dev/my disk 90000000 1000 {free_kb} 2% /mnt/my 5% disk'")
}

#[test]
fn an_old_compiler_is_told_before_anything_is_built() {
    let machine = Machine::new().with("rustc", "echo 'release: 1.80.1'");
    machine.expect_refused("Rust 1.80.1 is too old, 1.95 or newer is needed: ");
    let newer = Machine::new().with("rustc", "echo 'release: 2.1.0-nightly'");
    assert_eq!(newer.dev(&["doctor"]).0, 0, "versions are numbers, not text");
    let silent = Machine::new().with("rustc", "echo 'error: no toolchain' >&2; exit 1");
    silent.expect_refused("rustc doesn't run (error: no toolchain)");
}

#[test]
fn a_clock_that_is_older_than_the_source_is_told() {
    let date = r#"[ "$1" = +%s ] && echo 86400 || exec /bin/date "$@""#;
    Machine::new().with("date", date).expect_refused("this source is newer: set the clock");
}

#[test]
fn a_disk_without_room_is_told() {
    let machine = Machine::new().with("df", &df(3_999));
    machine.expect_refused("only 3999 MB are free for ");
    machine.make_folder("target");
    machine.make_folder("target/release");
    fs::copy(machine.path("bin/df"), machine.path("target/release/daybook")).unwrap();
    assert_eq!(machine.dev(&["doctor"]).0, 0, "a next build needs less");
    machine.with("df", &df(999)).expect_refused("and a build needs 1000: ");
}

#[test]
fn folders_that_cannot_be_written_are_told() {
    let machine = Machine::new();
    machine.make_folder("closed");
    fs::set_permissions(machine.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let closed = machine.path("closed/state").display().to_string();
    let machine = machine.with_variable("DAYBOOK_HOME", closed);
    machine.expect_refused("or set DAYBOOK_HOME to a folder of your own");
    let machine = Machine::new();
    let below_a_file = machine.path("dev").join("target").display().to_string();
    machine.with_variable("CARGO_TARGET_DIR", below_a_file).expect_refused("because ");
}

/// Catches: a compiler without the headers of the C library, with which a build ends after minutes.
#[test]
fn a_c_compiler_without_headers_is_told() {
    let without = Machine::new().with("cc", "exit 1").with("apt-get", "exit 100").with("sudo", "exit 1");
    let (code, report) = without.dev(&["doctor"]);
    assert_eq!(code, 1);
    let wanted =
        "missing  C compiler       cc doesn't find the headers of the C library: install build-essential";
    assert_eq!(Machine::missing(&report), [wanted], "{report}");
    let (code, said) = without.dev(&["up"]);
    assert_eq!(code, 1);
    assert!(said.contains("Not installed: build-essential\n"), "{said}");
}

#[test]
fn without_a_network_packages_must_be_there() {
    let curl = "case $* in *https:*) echo 'curl: (6) no such host'; exit 6 ;; *) exit 7 ;; esac";
    let (code, report) = Machine::new().with("curl", curl).with("cargo", "exit 101").dev(&["doctor"]);
    assert_eq!(code, 1);
    let missing = Machine::missing(&report);
    assert!(
        matches!(missing[..], [line] if line.contains("curl: (6) no such host: is there a network")),
        "{report}"
    );
    let (code, report) = Machine::new().with("curl", curl).dev(&["doctor"]);
    assert_eq!(code, 0, "cargo has them all: {report}");
}

#[test]
fn a_taken_port_matters_if_it_was_asked_for() {
    let curl = r#"case $* in *:8080/) exit 52 ;; *) exit 7 ;; esac"#;
    let (code, report) =
        Machine::new().with("curl", &format!("case $* in *https:*) exit 0 ;; esac; {curl}")).dev(&["doctor"]);
    assert_eq!(code, 0, "{report}");
    assert!(
        report.contains("port of api      127.0.0.1:8080 is taken, so ./dev up will take another one"),
        "{report}"
    );

    // This one is really taken, and really asked.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for name in LISTENERS {
        let asks = format!(
            "case $* in *{taken}/) PATH=/usr/bin:/bin exec curl \"$@\" ;; *https:*) exit 0 ;; esac; exit 7"
        );
        let machine = Machine::new().with("curl", &asks).with_variable(name, &*taken);
        let (code, report) = machine.dev(&["doctor"]);
        assert_eq!(code, 1, "{report}");
        let missing = Machine::missing(&report);
        let wanted = format!("{taken} is taken, which {name} asks for: ");
        assert!(matches!(missing[..], [line] if line.contains(&wanted)), "{report}");
    }
}

#[test]
fn the_doctor_says_a_line_of_each_thing_and_changes_nothing() {
    let machine = Machine::new();
    let (code, report) = machine.dev(&["doctor"]);
    assert_eq!(code, 0, "{report}");
    for line in report.lines().filter(|line| !line.is_empty() && !line.ends_with(':')) {
        let is_verdict = line.starts_with("ok       ") || line.starts_with("missing  ");
        assert!(is_verdict || line == "./dev up has what it needs.", "{line}");
    }
    let things = [
        "Rust",
        "PostgreSQL",
        "nats-server",
        "./dev up  ",
        "cargo nextest",
        "chromium",
        "promtool",
        "kubectl",
    ];
    for thing in things {
        assert_eq!(report.matches(&format!("  {thing} ")).count(), 1, "{thing}: {report}");
    }
    for made in [".daybook", "target", "bin/cargo.built"] {
        assert!(!machine.path(made).exists(), "{made} was made");
    }
}

/// Twenty seconds pass whenever the clock is looked at. Cargo draws three bars, each until the clock was looked at twice:
/// the second look comes after the bar, and what was drawn is read after a look.
#[test]
fn without_a_terminal_lines_say_how_far_a_build_is() {
    let bar = r"printf '\033[K   Compiling tea\n    Building [==>    ] %s/100: tea, pot\r' $n >&2";
    // What it builds ends well.
    let program = r#"mkdir -p "$CARGO_TARGET_DIR/release" && cp "$0" "$CARGO_TARGET_DIR/release/dev""#;
    let wait = r#"for look in 1 2; do
            before=$(cat "${0%/*}/date.now")
            while [ "$(cat "${0%/*}/date.now")" = "$before" ]; do sleep 0.05; done
        done"#;
    let cargo = format!("[ \"$1\" = build ] || exit 0\nfor n in 10 30 50; do {bar}; {wait}; done\n{program}");
    let date = r#"[ "$1" = +%s ] || exec /bin/date "$@"
        now=$(cat "$0.now" 2>/dev/null || echo 4000000000)
        echo $((now + 20)) | tee "$0.next"
        mv "$0.next" "$0.now""#;
    let machine = Machine::new().with("cargo", &cargo).with("date", date);
    let (code, said) = machine.dev(&["up"]);
    assert_eq!(code, 0, "{said}");
    let lines = said.lines().filter(|line| line.starts_with("Compiled "));
    let numbers = |line: &str| line.split(' ').filter_map(|word| word.parse().ok()).collect::<Vec<u64>>();
    let lines: Vec<Vec<u64>> = lines.map(numbers).collect();
    // Thousandths of the time, as it was measured.
    let part = |done: u64| match done {
        10 => 19,
        30 => 110,
        _ => 172,
    };
    let [done, 100, since_s] = lines[0][..] else { panic!("the first line has no pace yet: {said}") };
    let paced: Vec<&[u64]> = lines.iter().map(|line| &line[..]).filter(|line| line.len() == 4).collect();
    assert!(!paced.is_empty(), "{said}");
    for line in paced {
        let [now_done, _, now_s, left_s] = line else { unreachable!("it has four") };
        let pace = now_s - since_s;
        assert_eq!(*left_s, pace * (1000 - part(*now_done)) / (part(*now_done) - part(done)), "{said}");
    }
    assert!(!said.contains("Compiling tea"), "cargo's own words are for failures: {said}");
}

#[test]
fn a_failed_build_ends_with_what_helps() {
    for (failure, helps) in [
        ("[6] Could not resolve host: index.crates.io", "Is there a network"),
        ("SSL certificate problem: certificate is not yet valid", "Set the clock"),
        ("SSL certificate problem: self-signed certificate in certificate chain", "Install ca-certificates"),
        ("No space left on device (os error 28)", "the disk is full"),
        ("(signal: 9, SIGKILL: kill)", "memory ran out"),
        ("error: linker `cc` not found", "Install build-essential"),
        ("error: timed out is not a word of this language", "dev: the build failed\n"),
    ] {
        let cargo = format!("[ \"$1\" = build ] || exit 0\necho '{failure}' >&2; exit 101");
        let (code, said) = Machine::new().with("cargo", &cargo).dev(&["up"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(failure), "cargo's words are shown: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(format!("{last}\n").contains(helps), "{failure}: {said}");
    }
}

#[test]
fn a_build_is_told_the_commit() {
    let cargo = r#"[ "$1" = build ] || exit 0
        echo "built from $BUILD_REVISION" >&2; exit 101"#;
    let machine = Machine::new().with("cargo", cargo);
    let (_, said) = machine.with("git", "echo 1bd6042b5c8a-dirty").dev(&["up"]);
    assert!(said.contains("built from 1bd6042b5c8a-dirty"), "{said}");
    let (_, said) = Machine::new().with("cargo", cargo).with("git", "exit 128").dev(&["up"]);
    assert!(said.contains("built from \n"), "{said}");
}
