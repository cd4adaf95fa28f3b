//! The release binary as a process of its own, with everything that it needs to be talked to.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use actix_web::{App, HttpServer, web::ServiceConfig};
use daybook_domain::policy::Role;
use daybook_tests::{Client, Home, Program, TestDatabase, server::free_port};

/// Callers that take turns, so that no rate limit is met.
pub const SUBJECTS: u64 = 1_000;

pub struct Daybook {
    process: daybook_tests::Daybook,
    pub api: SocketAddr,
    pub telemetry: SocketAddr,
}

impl Daybook {
    /// Serves `database` with these parts (`--roles`).
    pub fn start(database: &TestDatabase, roles: &str) -> Self {
        Self::start_program(&Program::this(), database, roles)
    }

    /// The same with other settings.
    pub fn start_with(
        database: &TestDatabase,
        roles: &str,
        change: impl FnOnce(daybook_tests::Daybook) -> daybook_tests::Daybook,
    ) -> Self {
        Self::launch(change(process(&Program::this(), database)), database, roles)
    }

    /// Another program, which brings the database to its own schema first.
    pub fn start_program(program: &Program, database: &TestDatabase, roles: &str) -> Self {
        Self::launch(process(program, database), database, roles)
    }

    fn launch(process: daybook_tests::Daybook, database: &TestDatabase, roles: &str) -> Self {
        let mut process =
            process.with("roles", roles).with("log.filter", "warn,daybook::cli=info,daybook_api::cli=info");
        process.migrate(database);
        process.start();
        Self { api: process.api, telemetry: process.telemetry, process }
    }

    pub fn token(&self, subject: &str, role: Role) -> String {
        self.process.token(subject, role)
    }

    /// A token for each subject, with that role.
    pub fn tokens(&self, role: Role) -> Vec<String> {
        (0..SUBJECTS).map(|number| self.process.token(&format!("{}-{number}", role.as_str()), role)).collect()
    }

    /// The program with other arguments, and the same settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.process.command(arguments)
    }

    /// What it has used of the processors until now, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        // Fields 14 and 15 of proc(5), counted behind the name, in ticks of which there are 100 a second on Linux.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.pid())).expect("it runs");
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
    }

    /// `kill -9`, and on the same addresses again.
    pub fn kill_and_start(&mut self) {
        self.process.kill();
        self.process.start();
    }

    /// At the admin listener, as an operator.
    pub fn operator(&self) -> Client {
        let token = self.process.token("operator", Role::Operator);
        Client::new(format!("http://{}", self.process.admin)).with_token(token)
    }

    /// A gauge or counter of `/metrics`: one, if its labels are named, else all of them summed.
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

fn process(program: &Program, database: &TestDatabase) -> daybook_tests::Daybook {
    let nats_url = std::env::var("TEST_NATS_URL").expect("run ./dev bench");
    daybook_tests::Daybook::new(&Home::new(), "server", &database.app_url(), &nats_url).of(program)
}

/// A database with the program's schema and nothing in it.
pub async fn migrated(program: &Program) -> TestDatabase {
    let database = TestDatabase::empty().await;
    process(program, &database).migrate(&database);
    database
}

/// Serves what Daybook is compared with, from this process, for as long as it runs.
pub fn serve(routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(2)
        .bind(address)
        .expect("a free port")
        .disable_signals()
        .run();
    #[allow(clippy::disallowed_methods, reason = "runs as long as the bench")]
    tokio::spawn(server);
    address
}
