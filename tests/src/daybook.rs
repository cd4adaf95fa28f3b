//! The server as people run it: the built program, as a process of its own.

use std::{
    fmt::Display,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::Arc,
    time::Duration,
};

use daybook_core::{
    Config,
    auth::{Grant, SigningKey},
    config::Tokens,
    entropy::Clock,
};
use daybook_domain::policy::Role;
use sqlx::PgConnection;
use url::Url;

use crate::{
    Client, Program, TestDatabase,
    plant::{NO_ACQUIRE_TIMEOUT, planted},
    server::{Folder, Server, Signal, free_port},
    shop::new_id,
};

/// A session that has stood in its transaction for so long waits for a process that stands still.
const STANDS_MS: u64 = 30;
/// Not long, so that it is somewhere else by then.
const LOOK_AGAIN_MS: u64 = 3;
/// The lines of a log that a test which fails ends with.
const TOLD_LINES: usize = 30;

/// What the processes of one installation share: keys, the folder for mails, the name of the stream.
pub struct Home {
    folder: Folder,
    config: Config,
    key: SigningKey,
    stream: String,
}

/// One process. Killed with the test.
pub struct Daybook {
    process: Option<Server>,
    program: Program,
    home: Arc<Home>,
    log: PathBuf,
    /// By the names that this build has for them.
    settings: Vec<(String, String)>,
    /// Others, which are no settings of ours.
    variables: Vec<(String, String)>,
    pub api: SocketAddr,
    pub admin: SocketAddr,
    pub telemetry: SocketAddr,
}

impl Home {
    pub fn new() -> Arc<Self> {
        Self::of(Folder::new("daybook-home", None))
    }

    /// With keys that this program made.
    pub fn made_by(program: &Program) -> Arc<Self> {
        let folder = Folder::new("daybook-home", None);
        let mut command = Command::new(program.path());
        command.args(["token", "--subject", "nobody", "--role", "customer"]);
        let made = command
            .envs([program.variable("home", &folder.path().to_string_lossy())])
            .output()
            .expect("the program runs");
        assert!(made.status.success(), "token: {}", String::from_utf8_lossy(&made.stderr));
        Self::of(folder)
    }

    /// In a folder that has keys, or gets some.
    fn of(folder: Folder) -> Arc<Self> {
        let config = Config { home: folder.path().into(), ..Config::default() };
        let key = SigningKey::load(&config).expect("a development key can be made").expect("it is our own");
        Arc::new(Self { folder, config, key, stream: format!("s_{}", new_id().simple()) })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The name of the stream.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Good for two hours.
    pub fn token(&self, subject: &str, roles: &[Role]) -> String {
        let grant = Grant { subject, roles, ttl: Duration::from_secs(7_200) };
        let Tokens { issuer, audience, .. } = &self.config.tokens;
        self.key.mint(issuer, audience, Clock::System.now(), &grant)
    }
}

impl Daybook {
    /// Not started yet. `name` is that of its log in the home.
    pub fn new(home: &Arc<Home>, name: &str, database: &Url, nats_url: &str) -> Self {
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (api, admin, telemetry) = (address(), address(), address());
        let log = home.path().join(format!("{name}.log"));
        let (program, home, settings, variables) = (Program::this(), Arc::clone(home), vec![], vec![]);
        let (folder, stream) = (home.path().display().to_string(), home.stream.clone());
        let daybook = Self { process: None, program, home, log, settings, variables, api, admin, telemetry };
        daybook
            .with("home", folder)
            .with("database_url", database)
            .with("nats_url", nats_url)
            .with("stream.name", &stream)
            .with("stream.subject_prefix", &stream)
            .with("api_listen", api)
            .with("admin_listen", admin)
            .with("telemetry_listen", telemetry)
            // A line for each request is more than is read here. The second name is that of release 0.1.
            .with("log.filter", "info,daybook_http::observe=off,daybook_api::http::observe=off")
    }

    /// With this setting, called as in this build's `daybook config`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// With these variables, which are no settings of ours.
    #[must_use]
    pub fn with_variables<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// Another program, with the same settings.
    #[must_use]
    pub fn of(mut self, program: &Program) -> Self {
        self.program = program.clone();
        self
    }

    /// Where it writes what it has to say.
    #[must_use]
    pub fn logging_to(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    /// Returns when it says that it listens: another process may answer at its address.
    pub fn start(&mut self) {
        let mut command = self.command(&["serve"]);
        let starts = |log: &str| log.matches("telemetry on http://").count();
        let before = starts(&self.log());
        let is_up = || starts(&self.log()) > before;
        let process = Server::start(&mut command, &self.log, is_up);
        self.process = Some(process);
    }

    /// The program with other arguments, and the same settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program.path());
        let variable = |(name, value): &(String, String)| self.program.variable(name, value);
        command.args(arguments).envs(self.settings.iter().map(variable)).envs(self.variables.iter().cloned());
        if planted().as_deref() == Some(NO_ACQUIRE_TIMEOUT) {
            command.envs([self.program.variable("database.acquire_timeout", "60s")]);
        }
        command
    }

    /// What brings the database to the program's schema.
    pub fn migration(&self, database: &TestDatabase) -> Command {
        let mut command = self.command(&["migrate"]);
        command.envs([self.program.variable("migrate_database_url", database.owner_url().as_str())]);
        command
    }

    /// Brings it there.
    pub fn migrate(&self, database: &TestDatabase) {
        let ended = self.migration(database).output().expect("the program runs");
        assert!(ended.status.success(), "migrate: {}", String::from_utf8_lossy(&ended.stderr));
    }

    fn process(&self) -> &Server {
        self.process.as_ref().expect("it was started")
    }

    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().expect("it was started").ended()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, which this doesn't wait for.
    pub fn terminate(&self) {
        self.process().signal(Signal::Terminate);
    }

    pub fn freeze(&self) {
        self.process().signal(Signal::Stop);
    }

    /// Stops it between two statements of the transaction in which it decides again: there it holds the
    /// append lock. Comes to an end only under load, and from two processes. `session` is a superuser's.
    pub async fn freeze_with_lock(&self, session: &mut PgConnection) {
        let stands = format!(
            "SELECT EXISTS (
                SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                 WHERE locktype = 'advisory' AND granted AND state = 'idle in transaction'
                   AND datname = current_database()
                   AND clock_timestamp() - state_change > interval '{STANDS_MS} ms')"
        );
        loop {
            self.freeze();
            tokio::time::sleep(Duration::from_millis(2 * STANDS_MS)).await;
            if let Ok(true) = sqlx::query_scalar(&stands).fetch_one(&mut *session).await {
                return;
            }
            self.thaw();
            tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
        }
    }

    pub fn thaw(&self) {
        self.process().signal(Signal::Continue);
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it complained of, for a test that fails: the folder with its log is about to be removed.
    fn tell(&self) {
        let log = self.log();
        let is_complaint = |line: &&str| line.contains("WARN") || line.contains("ERROR");
        let complaints: Vec<&str> = log.lines().filter(is_complaint).collect();
        let newest = complaints.len().saturating_sub(TOLD_LINES);
        eprintln!(
            "{}, {} complaints:\n{}",
            self.log.display(),
            complaints.len(),
            complaints[newest..].join("\n")
        );
    }

    /// The same client, at this process.
    pub fn api(&self, client: &Client) -> Client {
        client.at(format!("http://{}", self.api))
    }

    pub fn token(&self, subject: &str, role: Role) -> String {
        self.home.token(subject, &[role])
    }
}

impl Drop for Daybook {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.tell();
        }
    }
}
