//! `./dev` as people meet it: what it refuses, what it starts, and what becomes of that when parts are killed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use daybook_dev::process::runs;
use daybook_tests::{
    Client, Program, door,
    server::{Folder, Signal, User, free_port, send},
    until,
    until::within,
};
use eventstore::ReadAllOptions;
use reqwest::Method;

const USAGE: &str = "./dev up [--detach]     build, start everything, print URLs, tokens and a first order\n";
const MAX_LINES_OF_SCRIPT: usize = 200;
/// The name of a clone, with what has a meaning in shells, in configurations, or in lists of arguments.
const CLONE: &str = r#"we"ird \ d'ir $HOME"#;
/// For builds for debugging, which may share the machine with other tests.
const TO_START_AGAIN: Duration = Duration::from_secs(60);

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dev")
}

/// Copies the script to another clone, with what it reads.
pub fn copy_script(clone: &Path) {
    fs::create_dir_all(clone.join("tests/dev")).unwrap();
    for part in ["dev", "Cargo.toml", "tests/dev/install.sh", "tests/dev/doctor.sh", "tests/dev/build.sh"] {
        fs::copy(script().with_file_name(part), clone.join(part)).unwrap();
    }
}

/// Runs the script in a folder without state, and with a cargo that leaves a mark.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = Folder::new("daybook-dev", None);
    let path = path_with_cargo(folder.path(), ": >\"$0.was-called\"\nexit 1");
    let mut dev = Command::new(script());
    dev.args(arguments).env("PATH", path).env("DAYBOOK_HOME", folder.path().join("state"));
    let output = dev.output().expect("the script runs");
    assert!(!folder.path().join("cargo.was-called").exists(), "{arguments:?} built something");
    assert!(!folder.path().join("state").exists(), "{arguments:?} left something");
    (output.status.code(), [output.stdout, output.stderr].map(text).concat())
}

/// A PATH on which cargo is a script that does this.
fn path_with_cargo(folder: &Path, does: &str) -> String {
    let cargo = folder.join("cargo");
    fs::write(&cargo, format!("#!/bin/sh\n{does}\n")).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[test]
fn wrong_usage_is_told_before_anything_is_built() {
    for (arguments, said) in [
        (&["nonsense"][..], USAGE),
        (&["nonsense"], "dev: unknown command: nonsense\n"),
        (&["supervise", "/tmp", "detached"], "dev: unknown command: supervise\n"),
        (&["up", "--detached"], "dev: usage: ./dev up [--detach]\n"),
        (&["down", "now"], "dev: down takes no arguments\n"),
        (&["doctor", "now"], "dev: doctor takes no arguments\n"),
        (&["upgrade", "v0.1.0"], "dev: upgrade takes no arguments\n"),
        (&["test", "--judges", "now"], "dev: --judges takes no arguments\n"),
        (&["chaos", "--minutes", "3"], "dev: usage: ./dev chaos [--seed N] [--seconds N]\n"),
        (&["chaos", "--seed"], "dev: --seed needs a number\n"),
        (&["chaos", "--seed", "7", "--seconds", "x"], "dev: --seconds needs a number\n"),
    ] {
        let (code, text) = refused(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn what_needs_no_servers_is_answered_without_any() {
    for (arguments, said) in [
        (&[][..], USAGE),
        (&["help"], USAGE),
        (&["down"], "Nothing is running.\n"),
        (&["reset"], "There is no state.\n"),
    ] {
        let (code, text) = refused(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        assert!(text.starts_with(said), "{arguments:?}: {text}");
    }
}

#[test]
fn the_script_has_only_what_runs_before_there_is_a_program() {
    let lines = fs::read_to_string(script()).unwrap().lines().count();
    assert!(lines <= MAX_LINES_OF_SCRIPT, "it has {lines} lines: move something to tests/dev/");
}

/// The servers of one `up`, which go with the test.
struct Up {
    api: Client,
    folder: Folder,
    addresses: Vec<(&'static str, String)>,
}

impl Up {
    fn new() -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        let names = [
            "DAYBOOK_API_LISTEN",
            "DAYBOOK_ADMIN_LISTEN",
            "DAYBOOK_TELEMETRY_LISTEN",
            "DAYBOOK_DOOR__LISTEN",
        ];
        let addresses = names.map(|_| address());
        let api = Client::new(format!("http://{}", addresses[0]));
        // PostgreSQL's user must be able to walk through.
        let folder = Folder::new("daybook-dev", User::of_postgres());
        copy_script(&folder.path().join(CLONE));
        Self { api, folder, addresses: names.into_iter().zip(addresses).collect() }
    }

    fn state(&self) -> PathBuf {
        self.clone_of_it().join(".daybook")
    }

    fn clone_of_it(&self) -> PathBuf {
        self.folder.path().join(CLONE)
    }

    /// What the script becomes, with these arguments.
    fn dev(&self, arguments: &[&str]) -> Output {
        let mut dev = Command::new(Program::this().path().with_file_name("dev"));
        dev.args(arguments).current_dir(self.folder.path()).env("DAYBOOK_HOME", self.state());
        dev.envs(self.addresses.iter().cloned()).output().expect("it is built")
    }

    /// The script of the clone. Cargo has built everything in that folder; without one, it must not be called.
    fn script(&self, arguments: &[&str], built_in: Option<&Path>) -> Output {
        let path = path_with_cargo(self.folder.path(), if built_in.is_some() { "exit 0" } else { "exit 1" });
        let mut dev = Command::new(self.clone_of_it().join("dev"));
        dev.args(arguments).env("PATH", path).envs(self.addresses.iter().cloned());
        for name in ["DAYBOOK_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
            dev.env_remove(name);
        }
        dev.envs(built_in.map(|folder| ("CARGO_TARGET_DIR", folder))).output().expect("the script runs")
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str]) -> String {
        succeeded(arguments, self.dev(arguments))
    }

    #[track_caller]
    fn expect_script(&self, arguments: &[&str], built_in: Option<&Path>) -> String {
        succeeded(arguments, self.script(arguments, built_in))
    }

    /// The number of a process; 0 if it isn't known.
    fn pid(&self, name: &str) -> u32 {
        let noted =
            fs::read_to_string(self.state().join("run").join(format!("{name}.pid"))).unwrap_or_default();
        noted.trim().parse().unwrap_or_default()
    }

    fn pids(&self) -> [u32; 3] {
        ["postgres", "nats", "daybook"].map(|name| self.pid(name))
    }

    /// Waits until a new process has this name, and the API answers again.
    async fn expect_started_again(&self, name: &str, before: u32) {
        let answers = async || self.api.try_send(self.api.request(Method::GET, "/readyz")).await;
        let is_back =
            async || self.pid(name) != before && answers().await.is_ok_and(|reply| reply.status == 200);
        assert!(within(TO_START_AGAIN, is_back).await, "{name} is not started again");
    }
}

#[track_caller]
fn succeeded(arguments: &[&str], output: Output) -> String {
    let said = [output.stdout, output.stderr].map(text).concat();
    assert!(output.status.success(), "dev {arguments:?}: {}\n{said}", output.status);
    said
}

impl Drop for Up {
    fn drop(&mut self) {
        self.dev(&["reset"]);
    }
}

/// The line works as it is pasted.
async fn expect_log_at_the_printed_line(said: &str) {
    let line = said.lines().find(|line| line.starts_with("esdb://analyst:")).expect("it is printed");
    let client = door::connect(line);
    let mut log = client.read_all(&ReadAllOptions::default().max_count(1)).await.expect("it is read");
    assert_eq!(door::positions(&door::events(&mut log).await), [1]);
}

#[tokio::test]
async fn what_up_started_is_started_again_and_found_after_the_supervisor_was_killed() {
    let up = Up::new();
    let said = up.expect(&["up", "--detach"]);
    assert!(said.contains("\nDaybook is ready.\n"), "{said}");
    let product = up.api.get("/v1/products/TEA-EARL-GREY").await.expect(200).json();
    assert_eq!(product["price"]["amount"], 1290);
    expect_log_at_the_printed_line(&said).await;

    let daybook = up.pid("daybook");
    send(Signal::Kill, [daybook]);
    up.expect_started_again("daybook", daybook).await;
    assert!(up.expect(&["up", "--detach"]).starts_with("\nDaybook is ready.\n"), "it is running already");

    let (supervisor, servers) = (up.pid("dev"), up.pids());
    send(Signal::Kill, [supervisor]);
    until("the supervisor is dead", async || !runs(supervisor, "supervise")).await;
    assert!(servers.iter().all(|pid| runs(*pid, " ")), "the servers live on");
    up.expect(&["up", "--detach"]);
    assert!(servers.iter().all(|pid| !runs(*pid, " ")), "the next one stopped them");

    let (supervisor, servers) = (up.pid("dev"), up.pids());
    send(Signal::Kill, [supervisor]);
    assert_eq!(up.expect(&["down"]), "Stopped.\n");
    assert!(servers.iter().all(|pid| !runs(*pid, " ")), "down stopped them");
    let token = up.dev(&["daybook", "token", "--subject", "ada", "--role", "customer"]);
    assert!(token.status.success(), "the state is still there");
    let state = up.state();
    assert_eq!(up.expect(&["reset"]), format!("Stopped.\nDeleted {}.\n", state.display()));
    assert!(!state.exists());
}

/// Catches: programs that are looked for, and built anew, where others were not built; paths that break what they are
/// written into.
#[test]
fn what_was_built_elsewhere_is_found_without_being_told_where() {
    let up = Up::new();
    let target = up.folder.path().join("built \"elsewhere\"");
    fs::create_dir_all(target.join("release")).unwrap();
    for name in ["dev", "daybook"] {
        symlink(Program::this().path().with_file_name(name), target.join("release").join(name)).unwrap();
    }
    up.expect_script(&["up", "--detach"], Some(&target));
    up.expect_script(&["daybook", "verify"], None);
    let said = up.expect_script(&["up", "--detach"], None);
    assert!(said.contains("Daybook is running already.\n"), "{said}");
    assert_eq!(up.expect_script(&["down"], None), "Stopped.\n");
    up.expect_script(&["daybook", "token", "--subject", "ada", "--role", "customer"], None);

    let other = up.folder.path().join("other");
    let said = up.script(&["daybook", "verify"], Some(&other)).stderr;
    let wanted = format!("dev: there is no {}/release/daybook yet: run ./dev up first\n", other.display());
    assert_eq!(text(said), wanted, "who names a folder means that one");
    let state = up.state();
    let deleted = format!("Stopped.\nDeleted {}.\n", state.display());
    assert_eq!(up.expect_script(&["reset"], None), deleted);
}
