//! A place's servers on free ports of 127.0.0.1: how each is started, recognised and stopped.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use daybook_dev::{
    port::random_port,
    postgres,
    process::{Signal, has_environment, runs, send},
    program::program,
    until::within,
};

use crate::{
    cluster::Cluster,
    failure::{About, Failure, say, say_end_of},
    place::Place,
    session::spawn,
    settings,
};

const PAUSE: Duration = Duration::from_millis(100);
const TO_START: Duration = Duration::from_secs(120);
const TO_BE_KILLED: Duration = Duration::from_secs(10);
/// How many ports are tried.
const PORTS: usize = 10;

/// A server, by the name that it has in the files of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Nats,
    Daybook,
}

impl Kind {
    /// In the order in which they start.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Nats, Self::Daybook];

    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Daybook => "daybook",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

pub struct Servers {
    pub place: Place,
    cluster: Cluster,
    postgres_settings: &'static [&'static str],
    /// Where NATS and Daybook stand: there may be a `daybook.toml`.
    root: PathBuf,
    daybook: PathBuf,
    /// Settings of Daybook that are not the usual ones.
    unusual: &'static [(&'static str, &'static str)],
}

impl Servers {
    /// The place must be open.
    pub fn new(
        place: &Place,
        postgres_settings: &'static [&'static str],
        root: PathBuf,
        daybook: PathBuf,
    ) -> Result<Self, Failure> {
        let cluster = Cluster::find(place)?;
        Ok(Self { cluster, place: place.clone(), postgres_settings, root, daybook, unusual: &[] })
    }

    /// With these settings of Daybook.
    pub fn with(self, unusual: &'static [(&'static str, &'static str)]) -> Self {
        Self { unusual, ..self }
    }

    /// `daybook` with these arguments, as it runs on these servers.
    pub fn daybook(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.daybook);
        command.args(arguments).current_dir(&self.root).envs(settings::of_daybook(&self.place));
        command.envs(self.unusual.iter().copied());
        command
    }

    /// Starts it on the port of last time, else on another free one, which is then remembered.
    pub async fn start_on_free_port(&self, kind: Kind) -> Result<(), Failure> {
        let what = if kind == Kind::Postgres { "PostgreSQL" } else { "nats-server" };
        let mut port = self.place.noted(&port_of(kind)).parse().ok();
        for _ in 0..PORTS {
            let log = fs::metadata(self.place.log(kind.name())).map_or(0, |log| log.len());
            match self.start_on_port(kind, port.unwrap_or_else(random_port)).await {
                Ok(true) => return Ok(()),
                Ok(false) if self.met_a_taken_port(kind, log) => port = None,
                Ok(false) => break,
                Err(failure) => {
                    failure.told();
                    break;
                }
            }
        }
        say_end_of(&self.place.log(kind.name()));
        Err(Failure::new(format_args!("{what} did not start")))
    }

    /// Whether it got ready.
    async fn start_on_port(&self, kind: Kind, port: u16) -> Result<bool, Failure> {
        self.place.note(&port_of(kind), &port.to_string())?;
        if kind == Kind::Postgres {
            self.cluster.create(&self.place).await?;
            self.cluster.outlive_old_backends().await;
        }
        self.launch(kind).await?;
        within(TO_START, PAUSE, async || self.is_ready(kind) || !self.is_alive(kind)).await;
        Ok(self.is_ready(kind))
    }

    /// Only the log since this start counts.
    fn met_a_taken_port(&self, kind: Kind, log_before: u64) -> bool {
        let mut text = Vec::new();
        let read = File::open(self.place.log(kind.name())).and_then(|mut log| {
            log.seek(SeekFrom::Start(log_before))?;
            log.read_to_end(&mut text)
        });
        read.is_ok() && String::from_utf8_lossy(&text).to_lowercase().contains("address already in use")
    }

    /// Starts one that has died, on its port.
    pub async fn start_again(&self, kind: Kind) -> Result<(), Failure> {
        if kind == Kind::Daybook {
            return self.launch(kind).await;
        }
        let port = self.place.noted(&port_of(kind)).parse().about(port_of(kind))?;
        if !self.start_on_port(kind, port).await? {
            say(format_args!("{kind} did not start"));
        }
        Ok(())
    }

    pub async fn launch(&self, kind: Kind) -> Result<(), Failure> {
        let (command, user) = match kind {
            Kind::Postgres => (self.postgres()?, self.cluster.user),
            Kind::Nats => (self.nats()?, None),
            Kind::Daybook => (self.daybook(&["serve"]), None),
        };
        spawn(&self.place, kind.name(), &command, user).await
    }

    fn port(&self, kind: Kind) -> Result<u16, Failure> {
        self.place.noted(&port_of(kind)).parse().about(port_of(kind))
    }

    fn postgres(&self) -> Result<Command, Failure> {
        let settings = [self.postgres_settings, &["log_line_prefix=%m [%p] %u@%d "]].concat();
        let mut command = postgres::server(&self.cluster.data(), self.port(Kind::Postgres)?, &settings);
        // Its user may not be able to stand where we stand.
        command.current_dir("/");
        Ok(command)
    }

    fn nats(&self) -> Result<Command, Failure> {
        let (port, run) = (self.port(Kind::Nats)?, self.place.join("run"));
        let configuration = self.place.join("nats/server.conf");
        // Paths are arguments, which need no quotation marks.
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\n\
             jetstream {{ max_memory_store: 1GB, max_file_store: 1TB }}\n"
        );
        fs::write(&configuration, text).about(configuration.display())?;
        for entry in fs::read_dir(&run)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("nats-server_") && name.ends_with(".ports") {
                let _ = fs::remove_file(entry.path());
            }
        }
        let mut command = Command::new(program("nats-server"));
        command.arg("-c").arg(configuration).arg("--store_dir").arg(self.place.join("nats"));
        command.arg("--ports_file_dir").arg(run).current_dir(&self.root);
        Ok(command)
    }

    fn is_ready(&self, kind: Kind) -> bool {
        self.is_alive(kind)
            && match (kind, self.pid(kind)) {
                (Kind::Postgres, _) => self.cluster.is_ready(),
                (Kind::Nats, Some(pid)) => self.place.run(&format!("nats-server_{pid}.ports")).exists(),
                _ => false,
            }
    }

    /// The number of the process, which may be gone.
    pub fn pid(&self, kind: Kind) -> Option<u32> {
        let own = if kind == Kind::Postgres { self.cluster.pid() } else { None };
        own.or_else(|| self.spawned(kind))
    }

    fn spawned(&self, kind: Kind) -> Option<u32> {
        self.place.noted_pid(&format!("{kind}.pid"))
    }

    pub fn is_alive(&self, kind: Kind) -> bool {
        let place = self.place.path().display();
        match kind {
            Kind::Postgres => {
                let words = format!("{} ", self.cluster.data().display());
                let is_it = |pid: Option<u32>| pid.is_some_and(|pid| runs(pid, &words));
                is_it(self.pid(kind)) || is_it(self.spawned(kind))
            }
            Kind::Nats => self.pid(kind).is_some_and(|pid| runs(pid, &format!("{place}/nats/server.conf"))),
            Kind::Daybook => self.pid(kind).is_some_and(|pid| {
                runs(pid, "/daybook serve") && has_environment(pid, &format!("DAYBOOK_HOME={place}"))
            }),
        }
    }

    /// Stops whatever runs, also what a killed supervisor left behind.
    pub async fn stop_all(&self) {
        self.stop(Kind::Daybook, Signal::Terminate, Duration::from_secs(45)).await;
        self.stop(Kind::Nats, Signal::Terminate, Duration::from_secs(15)).await;
        self.stop(Kind::Postgres, Signal::Interrupt, Duration::from_secs(60)).await;
    }

    /// The data is not needed any more: no checkpoint, no waiting.
    pub async fn drop_all(&self) {
        self.stop(Kind::Daybook, Signal::Kill, TO_BE_KILLED).await;
        self.stop(Kind::Nats, Signal::Kill, TO_BE_KILLED).await;
        self.stop(Kind::Postgres, Signal::Quit, TO_BE_KILLED).await;
        let data = self.cluster.data();
        within(TO_BE_KILLED, PAUSE, async || !daybook_dev::process::stands_in(&data)).await;
    }

    async fn stop(&self, kind: Kind, signal: Signal, limit: Duration) {
        if !self.is_alive(kind) {
            return;
        }
        send(signal, self.pid(kind));
        if within(limit, PAUSE, async || !self.is_alive(kind)).await {
            return;
        }
        say(format_args!("{kind} did not stop within {} s: killed", limit.as_secs()));
        send(Signal::Kill, self.pid(kind));
        within(TO_BE_KILLED, PAUSE, async || !self.is_alive(kind)).await;
    }
}

fn port_of(kind: Kind) -> String {
    format!("{kind}.port")
}
