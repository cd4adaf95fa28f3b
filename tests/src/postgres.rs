//! A PostgreSQL of one test's own, to be killed and stopped.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use daybook_dev::postgres;
use url::Url;

use crate::server::{Folder, Server, Signal, User, find_program, free_port};

/// No fsync: a killed process loses nothing that it gave to the kernel, and the power stays on.
const DISPOSABLE: &[&str] = &["fsync=off", "shared_buffers=32MB", "max_connections=120", "autovacuum=off"];
/// As where it matters; only the way in which a restart makes sure of its files is the quick one.
const DURABLE: &[&str] = &[
    "fsync=on",
    "synchronous_commit=on",
    "recovery_init_sync_method=syncfs",
    "shared_buffers=128MB",
    "max_connections=120",
    "max_wal_size=2GB",
];

/// Ended and removed with the test.
pub struct OwnPostgres {
    server: Server,
    port: u16,
    user: Option<User>,
    settings: Vec<String>,
    folder: Folder,
}

impl OwnPostgres {
    pub fn start() -> Self {
        Self::start_with(DISPOSABLE)
    }

    /// With everything on that makes a commit last.
    pub fn durable() -> Self {
        Self::start_with(DURABLE)
    }

    /// The same, and its log of changes is archived.
    pub fn archived() -> Self {
        let (user, folder) = (User::of_postgres(), Folder::new("daybook-postgres", User::of_postgres()));
        let archive = folder.path().join("archive");
        assert!(User::run(Command::new("mkdir").arg(&archive), user).status().expect("mkdir runs").success());
        let mut settings = owned(DURABLE);
        settings
            .extend(["archive_mode=on".into(), format!("archive_command=cp %p {}/%f", archive.display())]);
        Self::start_in(folder, user, settings, &[])
    }

    /// As these settings say.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_beside(settings, &[])
    }

    /// With these files in its folder, which only its own user can read.
    pub fn start_beside(settings: &[&str], files: &[(&str, String)]) -> Self {
        let user = User::of_postgres();
        Self::start_in(Folder::new("daybook-postgres", user), user, owned(settings), files)
    }

    fn start_in(folder: Folder, user: Option<User>, settings: Vec<String>, files: &[(&str, String)]) -> Self {
        let data = folder.path().join("data");
        let copied = User::run(Command::new("cp").arg("-a").arg(initialised(user)).arg(&data), user).status();
        assert!(copied.expect("cp runs").success());
        for (name, text) in files {
            let given = folder.path().join(name);
            std::fs::write(&given, text).expect("the folder is open to us");
            let mut install = Command::new("install");
            let installed = User::run(install.args(["-m", "600"]).arg(&given).arg(&data), user).status();
            assert!(installed.expect("install runs").success());
        }
        let port = free_port();
        let server = launch(&data, port, user, &settings);
        Self { server, port, user, settings, folder }
    }

    /// The superuser's.
    pub fn url(&self) -> Url {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port).parse().expect("a URL")
    }

    /// What it has to say.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("data.log")).unwrap_or_default()
    }

    /// `kill -9`, to the last child.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// After [`kill`](Self::kill).
    pub fn restart(&mut self) {
        // The dead server's; its pid may be another process's by now.
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        self.server = launch(&self.folder.path().join("data"), self.port, self.user, &self.settings);
    }

    /// Begins a base backup.
    pub fn back_up(&self) -> Child {
        let mut backup = Command::new(find_program("pg_basebackup"));
        backup.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-c", "fast", "-D"]);
        backup.arg(self.folder.path().join("backup"));
        User::run(&mut backup, self.user).spawn().expect("pg_basebackup runs")
    }

    /// After [`kill`](Self::kill): everything that it had stored is gone. In a folder of its own, the backup is brought to
    /// `time`, as PostgreSQL writes it, by what was archived. Returns when it takes connections; then it goes on by itself.
    pub fn restore(&mut self, time: &str) {
        let [data, backup, restored] =
            ["data", "backup", "restored"].map(|name| self.folder.path().join(name));
        std::fs::remove_dir_all(data).expect("it is ours");
        let copied = User::run(Command::new("cp").arg("-a").arg(backup).arg(&restored), self.user).status();
        assert!(copied.expect("cp runs").success());
        let signal = restored.join("recovery.signal");
        assert!(
            User::run(Command::new("touch").arg(signal), self.user).status().expect("touch runs").success()
        );
        let archive = self.folder.path().join("archive");
        let mut settings = self.settings.clone();
        settings.extend([
            format!("restore_command=cp {}/%f %p", archive.display()),
            format!("recovery_target_time={time}"),
            "recovery_target_action=promote".into(),
            // What the restored one does is another history: it may not overwrite what was archived.
            "archive_mode=off".into(),
        ]);
        self.server = launch(&restored, self.port, self.user, &settings);
    }

    /// Stops all processes where they stand.
    pub fn freeze(&self) {
        self.server.signal(Signal::Stop);
    }

    pub fn thaw(&self) {
        self.server.signal(Signal::Continue);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let _ = self.server.end(Signal::Quit);
    }
}

fn owned(settings: &[&str]) -> Vec<String> {
    settings.iter().map(ToString::to_string).collect()
}

fn launch(data: &Path, port: u16, user: Option<User>, settings: &[String]) -> Server {
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut command = postgres::server(data, port, &settings);
    let is_ready = || {
        let mut asks = Command::new(find_program("pg_isready"));
        let answer = asks.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
        answer.is_ok_and(|status| status.success())
    };
    Server::start(User::run(&mut command, user), &data.with_extension("log"), is_ready)
}

/// A cluster that was never started; made once for a run and copied.
fn initialised(user: Option<User>) -> PathBuf {
    // The folder is the run's own; outside of a run it is kept, for the next one.
    let path = std::env::temp_dir().join("daybook-postgres-initialised");
    let lock = File::create(path.with_extension("lock")).expect("a lock file");
    lock.lock().expect("whoever holds it gets done");
    if !path.exists() {
        let unfinished = Folder::new("daybook-postgres-unfinished", user);
        let data = unfinished.path().join("data");
        let mut initdb = postgres::initdb(&data);
        initdb.args(["-A", "trust", "-N"]);
        let made = User::run(&mut initdb, user).stdout(Stdio::null()).status().expect("initdb runs");
        assert!(made.success(), "initdb: {made}");
        std::fs::rename(&data, &path).expect("a folder can be renamed");
    }
    path
}
