//! What owns the servers of `up` from start to stop, and starts again those that die.

use std::{
    fs::{self, File},
    path::Path,
    process,
    time::{Duration, Instant},
};

use daybook_dev::process::{Signal, runs, send};
use rustix::fs::Mode;
use tokio::time::MissedTickBehavior;

use crate::{
    banner,
    failure::{About, Failure, say},
    place::Place,
    restarts::Restarts,
    servers::{Kind, Servers},
    session::Group,
    signals::Signals,
    start,
};

/// How often the servers are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Whether one runs for this place. Its command line is `dev supervise PLACE MODE`.
pub fn is_running(place: &Place) -> bool {
    place.noted_pid("dev.pid").is_some_and(|pid| is_supervisor(place, pid))
}

pub fn is_supervisor(place: &Place, pid: u32) -> bool {
    runs(pid, &format!("supervise {} ", place.path().display()))
}

/// Whether everything runs. The file holds its writer's number: that of a killed supervisor does not count.
pub fn is_ready(place: &Place) -> bool {
    is_running(place) && place.noted("ready") == place.noted("dev.pid")
}

struct Supervisor<'a> {
    servers: &'a Servers,
    in_foreground: bool,
    /// The migration.
    group: Group,
}

/// Runs until a signal ends it, the place is deleted, or nothing helps any more.
pub async fn supervise(servers: &Servers, programs: &Path, in_foreground: bool) -> Result<(), Failure> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    claim(&servers.place, programs)?;
    let mut supervisor = Supervisor { servers, in_foreground, group: Group::default() };
    let ended = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            ended = supervisor.run() => ended,
            _ = signals.next() => Ok(()),
        },
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &ended {
        failure.told();
    }
    supervisor.finish().await;
    ended.map_err(|_| Failure::silent(1))
}

/// Two `up` at the same moment: one wins.
fn claim(place: &Place, programs: &Path) -> Result<(), Failure> {
    let lock = File::options().create(true).append(true).open(place.run("lock")).about("run/lock")?;
    lock.lock().about("run/lock")?;
    if is_running(place) {
        return Err(Failure::new("another ./dev up has just started"));
    }
    place.note_programs(programs)?;
    place.note("dev.pid", &process::id().to_string())
}

impl Supervisor<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        start::everything(self.servers, &mut self.group).await?;
        let place = &self.servers.place;
        place.note("ready", &process::id().to_string())?;
        if self.in_foreground {
            banner::print(self.servers).await;
            say(format_args!("Ctrl-C stops everything. Logs: {}/log", place.path().display()));
        }
        self.watch().await
    }

    /// Returns when the place has been deleted.
    async fn watch(&self) -> Result<(), Failure> {
        let place = &self.servers.place;
        let mut restarts = Restarts::default();
        let mut pids = Vec::new();
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while place.run("ready").exists() {
            for kind in Kind::ALL {
                if !self.servers.is_alive(kind) {
                    self.revive(kind, &mut restarts).await?;
                }
            }
            // Not all of them are known any more if the place is being deleted.
            let now: Vec<u32> = Kind::ALL.into_iter().filter_map(|kind| self.servers.pid(kind)).collect();
            if now.len() == Kind::ALL.len() {
                pids = now;
            }
            round.tick().await;
        }
        say(format_args!("{} was deleted: stopping.", place.path().display()));
        // There is nothing left to save.
        send(Signal::Kill, pids);
        Ok(())
    }

    async fn revive(&self, kind: Kind, restarts: &mut Restarts) -> Result<(), Failure> {
        let place = &self.servers.place;
        let log = place.log(&kind.to_string());
        let pause = restarts
            .next(Instant::now())
            .ok_or_else(|| Failure::new(format_args!("{kind} keeps dying: see {}", log.display())))?;
        tokio::time::sleep(pause).await;
        if !place.run("ready").exists() {
            return Ok(());
        }
        say(format_args!("{kind} died and is started again (log: {})", log.display()));
        if let Err(failure) = self.servers.start_again(kind).await {
            failure.told();
        }
        Ok(())
    }

    async fn finish(&mut self) {
        let place = &self.servers.place;
        let _ = fs::remove_file(place.run("ready"));
        say("Stopping ...");
        self.group.stop().await;
        self.servers.stop_all().await;
        let _ = fs::remove_file(place.run("dev.pid"));
    }
}
