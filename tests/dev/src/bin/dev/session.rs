//! Commands in sessions of their own, because Ctrl-C is for us to pass on, in order.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use daybook_dev::{
    process::{Signal, send_to_group},
    program::look_for_program,
    until::within,
    user::User,
};
use tokio::process::Child;

use crate::{
    failure::{About, Failure, say},
    place::Place,
};

/// How long a process may take to write its number.
const TO_START: Duration = Duration::from_secs(10);
/// How long a group may take to end before it is killed.
const TO_END: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// Starts the command; it outlives us. It writes its own number before it becomes the server, so there is no moment
/// at which it runs and its number is not known.
pub async fn spawn(place: &Place, name: &str, command: &Command, user: Option<User>) -> Result<(), Failure> {
    let number = format!("{name}.pid");
    let _ = fs::remove_file(place.run(&number));
    let log = place.log(name);
    let log = File::options().create(true).append(true).open(&log).about(log.display())?;
    let mut started = in_session(command, r#"echo $$ && exec "$@" >&2"#);
    started.stdout(File::create(place.run(&number)).about(&number)?).stderr(log);
    // Nothing waits for it here, but tokio does when it ends: a zombie would be left.
    drop(tokio::process::Command::from(take_user(started, user)).spawn().about(name)?);
    if !within(TO_START, PAUSE, async || place.noted_pid(&number).is_some()).await {
        say(format_args!("{name} could not be started"));
    }
    Ok(())
}

fn take_user(mut command: Command, user: Option<User>) -> Command {
    User::run(&mut command, user);
    command
}

/// A shell in a new session (or at least a new group, where there is no `setsid`) that does `then` with the command.
fn in_session(command: &Command, then: &str) -> Command {
    let mut shell = match look_for_program("setsid") {
        Some(setsid) => {
            let mut setsid = Command::new(setsid);
            setsid.arg("/bin/sh");
            setsid
        }
        None => {
            let mut shell = Command::new("/bin/sh");
            shell.process_group(0);
            shell
        }
    };
    shell.args(["-c", then, "sh"]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// A command that ends as a whole, with all that it has started.
#[derive(Default)]
pub struct Group {
    leader: Option<Child>,
}

impl Group {
    /// Returns how it has ended. If this is dropped before, [`stop`](Self::stop) ends it.
    pub async fn run(&mut self, command: &Command, output: Option<&File>) -> Result<ExitStatus, Failure> {
        let mut started = in_session(command, r#"exec "$@""#);
        if let Some(file) = output {
            started.stdout(file.try_clone()?).stderr(file.try_clone()?);
        }
        let child = tokio::process::Command::from(started).spawn().about(command.get_program().display())?;
        let status = self.leader.insert(child).wait().await;
        self.leader = None;
        Ok(status?)
    }

    pub async fn stop(&mut self) {
        let Some(mut child) = self.leader.take() else { return };
        let Some(leader) = child.id() else { return };
        send_to_group(Signal::Terminate, leader);
        if tokio::time::timeout(TO_END, child.wait()).await.is_err() {
            send_to_group(Signal::Kill, leader);
        }
    }
}
