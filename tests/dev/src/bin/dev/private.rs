//! `test`, its judges, `bench`, `chaos` and `upgrade`: on private servers that end with the run, whatever ends that.

use std::{
    env,
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    process::{self, Command},
    time::Duration,
};

use daybook_dev::{
    process::{Signal, runs, send, with_environment},
    until::within,
    user::we_are_root,
};

use crate::{
    cluster::{home_in, may, other_user, prefer_memory, remove_home_elsewhere},
    failure::{About, Failure},
    judges,
    place::{PRIVATE_FOLDER, Place, make_folder},
    servers::{Kind, Servers},
    session::Group,
    settings,
    signals::Signals,
    start,
    surroundings::Surroundings,
};

/// The number of the run follows, and a random end.
const NAME: &str = "daybook-test.";
/// How long processes of a killed run may take to heed a signal.
const TO_HEED: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// Commits behave as in production; only a power cut would lose them.
const DISPOSABLE: &[&str] = &[
    "shared_buffers=256MB",
    "max_connections=300",
    "max_wal_size=1GB",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=on",
];
const DURABLE: &[&str] = &[
    "shared_buffers=256MB",
    "max_connections=200",
    "max_wal_size=2GB",
    "fsync=on",
    "synchronous_commit=on",
    "min_wal_size=2GB",
];

/// Judges ask faster than anyone else, often with tokens that are not valid, and for all that can be done.
const FOR_JUDGES: &[(&str, &str)] = &[
    ("DAYBOOK_BUDGETS__REGISTRATION", "1000000"),
    ("DAYBOOK_BUDGETS__RESET", "1000000"),
    ("DAYBOOK_BUDGETS__LOG_IN_ADDRESS", "1000000"),
    ("DAYBOOK_BUDGETS__LOG_IN_ACCOUNT", "1000000"),
    ("DAYBOOK_BUDGETS__LOG_IN_DEVICE", "1000000"),
    ("DAYBOOK_BUDGETS__SECOND_FACTOR", "1000000"),
    ("DAYBOOK_BUDGETS__MAILS", "1000000"),
    ("DAYBOOK_RATES__SUBJECT_PER_SECOND", "1000000"),
    ("DAYBOOK_RATES__SUBJECT_BURST", "1000000"),
    ("DAYBOOK_RATES__ADDRESS_PER_SECOND", "1000000"),
    ("DAYBOOK_RATES__ADDRESS_BURST", "1000000"),
    ("DAYBOOK_RATES__INVALID_TOKEN_PER_SECOND", "1000000"),
    ("DAYBOOK_RATES__INVALID_TOKEN_BURST", "1000000"),
];

enum Run {
    /// One after the other, until one fails.
    Commands {
        /// The settings of PostgreSQL, if there are servers for it.
        servers: Option<&'static [&'static str]>,
        commands: Vec<Command>,
    },
    /// All of them, beside a Daybook that serves.
    Judges,
}

pub async fn test(around: &Surroundings, arguments: &[OsString]) -> Result<(), Failure> {
    let mut nextest = Command::new("cargo");
    nextest.args(["nextest", "run", "--workspace", "--locked"]).args(arguments);
    let mut commands = vec![nextest];
    // Who asks for single tests doesn't ask for this.
    if arguments.is_empty() {
        commands.push(Command::new(around.programs.join("upgrade")));
    }
    play(around, Run::Commands { servers: Some(DISPOSABLE), commands }).await
}

pub async fn judges(around: &Surroundings) -> Result<(), Failure> {
    play(around, Run::Judges).await
}

/// Results lie where the state of `up` lies, which is not where the private servers keep theirs.
pub async fn bench(around: &Surroundings, arguments: &[OsString]) -> Result<(), Failure> {
    let mut bench = Command::new(around.programs.join("bench"));
    bench.args(arguments).env("BENCH_OUTPUT", around.place.join("bench")).env("BENCH_CALLER", &around.caller);
    play(around, Run::Commands { servers: Some(DURABLE), commands: vec![bench] }).await
}

/// The harness starts servers of its own, because it kills them.
pub async fn chaos(around: &Surroundings, arguments: &[OsString]) -> Result<(), Failure> {
    let mut chaos = Command::new(around.programs.join("chaos"));
    chaos.args(arguments).env("CHAOS_OUTPUT", around.place.join("chaos"));
    play(around, Run::Commands { servers: None, commands: vec![chaos] }).await
}

/// The same with the release before this one, which it builds from the history of the clone.
pub async fn upgrade(around: &Surroundings) -> Result<(), Failure> {
    let mut upgrade = Command::new(around.programs.join("upgrade"));
    upgrade.env("UPGRADE_OUTPUT", around.place.join("upgrade"));
    play(around, Run::Commands { servers: None, commands: vec![upgrade] }).await
}

async fn play(around: &Surroundings, run: Run) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let temporary = temporary_folder(around)?;
    sweep_killed_runs(around, &temporary).await;
    let prefix = temporary.join(format!("{NAME}{}.", process::id()));
    let place = Place::new(make_folder(&prefix).about(prefix.display())?);
    let mut group = Group::default();
    let ended = tokio::select! {
        ended = play_in(around, &place, run, &mut group) => ended,
        code = signals.next() => Err(Failure::silent(code)),
    };
    group.stop().await;
    remove_run(around, &place).await;
    ended
}

async fn play_in(around: &Surroundings, place: &Place, run: Run, group: &mut Group) -> Result<(), Failure> {
    place.open(&around.root.join(".daybook"))?;
    let temporary = temporary_in(place);
    DirBuilder::new().mode(PRIVATE_FOLDER).create(&temporary).about(temporary.display())?;
    // So that temporary files go, too, and that a sweep knows whose a process is.
    let mut variables: Vec<(&str, OsString)> = vec![("TMPDIR", temporary.into())];
    let Run::Commands { servers: of_postgres, commands } = run else {
        let servers =
            Servers::new(place, DISPOSABLE, around.root.clone(), around.daybook())?.with(FOR_JUDGES);
        start::everything(&servers, group).await?;
        return judges::ask(around, &servers, group).await;
    };
    if of_postgres == Some(DISPOSABLE) {
        prefer_memory(place)?;
    }
    // Without servers, too, this opens the place for PostgreSQL's user, as whom the harnesses start some of their own.
    let servers = servers_in(around, place, of_postgres.unwrap_or(DISPOSABLE))?;
    if of_postgres.is_some() {
        servers.start_on_free_port(Kind::Postgres).await?;
        servers.start_on_free_port(Kind::Nats).await?;
        variables.push(("TEST_POSTGRES_URL", settings::superuser_url(place).into()));
        variables.push(("TEST_NATS_URL", settings::nats_url(place).into()));
    }
    for mut command in commands {
        command.current_dir(&around.root).env_remove("DEV_CALLER").envs(variables.iter().cloned());
        // What is meant for the servers of `up` is not meant for these.
        for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DAYBOOK_")) {
            command.env_remove(name);
        }
        Failure::of(group.run(&command, None).await?)?;
    }
    Ok(())
}

/// Those that tests stand on; a `daybook` is not among them.
fn servers_in(
    around: &Surroundings,
    place: &Place,
    postgres_settings: &'static [&'static str],
) -> Result<Servers, Failure> {
    Servers::new(place, postgres_settings, around.root.clone(), PathBuf::new())
}

fn temporary_in(place: &Place) -> PathBuf {
    place.join("tmp")
}

/// If we are root, the database's user must be able to enter it.
fn temporary_folder(around: &Surroundings) -> Result<PathBuf, Failure> {
    let wanted = env::var_os("TMPDIR").filter(|folder| !folder.is_empty()).unwrap_or_else(|| "/tmp".into());
    let folder = around.caller.join(wanted);
    let is_open = !we_are_root() || may(other_user(None)?, "-x", &folder);
    Ok(if is_open { folder } else { "/tmp".into() })
}

/// A run that was killed with -9 left its servers and folder; its number is in the name.
async fn sweep_killed_runs(around: &Surroundings, temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix(NAME) else { continue };
        let is_ours = entry
            .metadata()
            .is_ok_and(|folder| folder.is_dir() && folder.uid() == rustix::process::geteuid().as_raw());
        let owner = name.split('.').next().and_then(|pid| pid.parse().ok());
        if is_ours && !owner.is_some_and(|pid| runs(pid, "dev")) {
            remove_run(around, &Place::new(entry.path())).await;
        }
    }
}

async fn remove_run(around: &Surroundings, place: &Place) {
    let home = home_in(place);
    let mark = format!("TMPDIR={}", temporary_in(place).display());
    for signal in [Signal::Terminate, Signal::Kill] {
        send(signal, with_environment(&mark));
        within(TO_HEED, PAUSE, async || with_environment(&mark).is_empty()).await;
    }
    if home.is_some()
        && let Ok(servers) = servers_in(around, place, DISPOSABLE)
    {
        servers.drop_all().await;
    }
    remove_home_elsewhere(home.as_deref());
    let _ = fs::remove_dir_all(place.path());
}
