//! The release binary as a process of its own, with everything that it needs to be talked to.

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use daybook_api::{
    Config,
    auth::{Grant, SigningKey},
    entropy::Clock,
};
use daybook_domain::policy::Role;
use daybook_tests::{
    TestDatabase,
    server::{Folder, Server, Signal, free_port},
};

/// Callers that take turns, so that no rate limit is met.
pub const SUBJECTS: u64 = 1_000;

pub struct Daybook {
    process: Server,
    pub api: SocketAddr,
    pub telemetry: SocketAddr,
    key: SigningKey,
    _home: Folder,
}

impl Daybook {
    /// Serves `database` with these parts (`--roles`).
    pub fn start(database: &TestDatabase, roles: &str) -> Self {
        let home = Folder::new("bench", None);
        let config = Config { home: home.path().into(), ..Config::default() };
        let key = SigningKey::load(&config).expect("a development key can be made").expect("of our own");
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (api, admin, telemetry) = (address(), address(), address());
        let name =
            home.path().file_name().map(|name| name.to_string_lossy().replace('.', "-")).unwrap_or_default();
        let mut command = Command::new(binary());
        command
            .args(["serve", "--roles", roles])
            .env("DAYBOOK_HOME", home.path())
            .env("DAYBOOK_DATABASE_URL", database.app_url().as_str())
            .env("DAYBOOK_NATS_URL", std::env::var("TEST_NATS_URL").expect("run ./dev bench"))
            .env("DAYBOOK_STREAM_NAME", &name)
            .env("DAYBOOK_SUBJECT_PREFIX", &name)
            .env("DAYBOOK_LOG_FILTER", "warn,daybook_api::http::observe=off")
            .env("DAYBOOK_API_LISTEN", api.to_string())
            .env("DAYBOOK_ADMIN_LISTEN", admin.to_string())
            .env("DAYBOOK_TELEMETRY_LISTEN", telemetry.to_string());
        let log = home.path().join("server.log");
        let process = Server::start(&mut command, &log, || TcpStream::connect(api).is_ok());
        Self { process, api, telemetry, key, _home: home }
    }

    /// A token for each subject, with that role.
    pub fn tokens(&self, role: Role) -> Vec<String> {
        let now = Clock::System.now();
        let grant = |subject: String| {
            let grant = Grant { subject: &subject, roles: &[role], ttl: Duration::from_secs(7_200) };
            self.key.mint("daybook", "daybook", now, &grant)
        };
        (0..SUBJECTS).map(|subject| grant(format!("{}-{subject}", role.as_str()))).collect()
    }

    /// A gauge or counter of `/metrics`, all its labels summed.
    pub fn metric(&self, name: &str) -> f64 {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(self.telemetry).expect("the telemetry listener");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        text.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Daybook {
    fn drop(&mut self) {
        let _ = self.process.end(Signal::Kill);
    }
}

fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let binary = own.with_file_name("daybook");
    assert!(binary.exists(), "{} is not built: run ./dev bench", binary.display());
    binary
}
