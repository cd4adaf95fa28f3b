//! `up`, `down`, `reset` and `daybook`: the servers of a place that stays.

use std::{ffi::OsString, fs, os::unix::process::CommandExt, time::Duration};

use daybook_dev::{
    process::{Signal, send},
    until::within,
};

use crate::{
    banner,
    cluster::{home_in, remove_home_elsewhere},
    failure::{About, Failure, Growing, say},
    servers::Kind,
    session::spawn,
    signals::Signals,
    supervisor::{self, is_ready, is_running, is_supervisor},
    surroundings::Surroundings,
};

const TO_BE_READY: Duration = Duration::from_secs(300);
const TO_STOP: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_millis(200);

pub async fn up(around: &Surroundings, detached: bool) -> Result<(), Failure> {
    let place = &around.place;
    let log = place.join("log");
    if is_running(place) {
        say("Daybook is running already.");
        if !within(TO_BE_READY, PAUSE, async || is_ready(place) || !is_running(place)).await {
            return Err(Failure::new(format_args!("but it is not ready: see {}", log.display())));
        }
        if !is_running(place) {
            return Err(Failure::new(format_args!("but it stopped while starting: see {}", log.display())));
        }
    } else {
        around.servers()?;
        if is_running(place) {
            return Err(Failure::new("another ./dev up has just started"));
        }
        if !detached {
            return Err(around.supervisor("foreground")?.exec().into());
        }
        start_detached(around).await?;
    }
    banner::print(&around.servers()?).await;
    Ok(())
}

/// What `up` becomes.
pub async fn supervise(around: &Surroundings, in_foreground: bool) -> Result<(), Failure> {
    supervisor::supervise(&around.servers()?, &around.programs, in_foreground).await
}

async fn start_detached(around: &Surroundings) -> Result<(), Failure> {
    let place = &around.place;
    place.keep_one_old_log("supervisor");
    let mut signals = Signals::listen()?;
    let mut log = Growing::new(place.log("supervisor"));
    let started = async {
        spawn(place, "supervisor", &around.supervisor("detached")?, None).await?;
        // The child may have found that another `up` was quicker.
        let is_over = async || {
            log.say_more();
            match place.noted_pid("supervisor.pid") {
                Some(child) if is_supervisor(place, child) => is_ready(place),
                _ => is_ready(place) || !is_running(place),
            }
        };
        Ok::<_, Failure>(within(TO_BE_READY, PAUSE, is_over).await)
    };
    let in_time = tokio::select! {
        started = started => started?,
        _ = signals.next() => {
            send(Signal::Terminate, place.noted_pid("supervisor.pid"));
            return Err(Failure::silent(130));
        }
    };
    if !in_time {
        send(Signal::Terminate, place.noted_pid("supervisor.pid"));
        return Err(Failure::new("not ready after 300 s"));
    }
    log.say_more();
    if is_ready(place) { Ok(()) } else { Err(Failure::silent(1)) }
}

pub async fn down(around: &Surroundings) -> Result<(), Failure> {
    let place = &around.place;
    if !place.join("run").is_dir() {
        say("Nothing is running.");
        return Ok(());
    }
    let servers = around.servers()?;
    if is_running(place) {
        send(Signal::Terminate, place.noted_pid("dev.pid"));
        if !within(TO_STOP, PAUSE, async || !is_running(place)).await {
            send(Signal::Kill, place.noted_pid("dev.pid"));
        }
    }
    // These are what a killed supervisor left behind.
    servers.stop_all().await;
    say("Stopped.");
    Ok(())
}

pub async fn reset(around: &Surroundings) -> Result<(), Failure> {
    let place = &around.place;
    let path = place.path().display();
    if !place.path().is_dir() {
        say("There is no state.");
        return Ok(());
    }
    if !place.was_made_by_us() {
        return Err(Failure::new(format_args!("{path} was not made by ./dev up: delete it by hand")));
    }
    down(around).await?;
    remove_home_elsewhere(home_in(place).as_deref());
    fs::remove_dir_all(place.path()).about(&path)?;
    say(format_args!("Deleted {path}."));
    Ok(())
}

/// Becomes `daybook` with these arguments, in the folder in which the script was called.
pub fn daybook(around: &Surroundings, arguments: &[OsString]) -> Result<(), Failure> {
    let program = around.daybook();
    if !program.is_file() {
        let program = program.display();
        return Err(Failure::new(format_args!("there is no {program} yet: run ./dev up first")));
    }
    if !around.place.run("telemetry.listen").exists() {
        return Err(Failure::new("there are no servers yet: run ./dev up first"));
    }
    let servers = around.servers()?;
    if !servers.is_alive(Kind::Daybook) {
        say("Daybook is not running: ./dev up starts it.");
    }
    Err(servers.daybook(arguments).current_dir(&around.caller).exec().into())
}
