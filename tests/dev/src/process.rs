//! Processes whose parent may have ended: which they are, and signals to them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, kill_process, kill_process_group};

#[derive(Debug, Clone, Copy)]
pub enum Signal {
    Kill,
    Stop,
    Continue,
    /// A wish to end.
    Terminate,
    /// PostgreSQL: end in order, and break off all sessions.
    Interrupt,
    /// PostgreSQL: end now, without a checkpoint.
    Quit,
}

impl Signal {
    fn number(self) -> rustix::process::Signal {
        match self {
            Self::Kill => rustix::process::Signal::Kill,
            Self::Stop => rustix::process::Signal::Stop,
            Self::Continue => rustix::process::Signal::Cont,
            Self::Terminate => rustix::process::Signal::Term,
            Self::Interrupt => rustix::process::Signal::Int,
            Self::Quit => rustix::process::Signal::Quit,
        }
    }
}

/// Sends the signal to processes that may have ended meanwhile.
pub fn send(signal: Signal, pids: impl IntoIterator<Item = u32>) {
    for pid in pids.into_iter().filter_map(number) {
        let _ = kill_process(pid, signal.number());
    }
}

/// Sends the signal to a whole group, which may have ended meanwhile.
pub fn send_to_group(signal: Signal, leader: u32) {
    if let Some(leader) = number(leader) {
        let _ = kill_process_group(leader, signal.number());
    }
}

fn number(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Whether a process with this number runs a command that contains `words`. The number alone proves nothing: it may
/// be another process's by now. A dead process whose parent has not waited for it has no command, so it doesn't run.
pub fn runs(pid: u32, words: &str) -> bool {
    command(pid).is_some_and(|command| command.contains(words))
}

/// The words of its command, each followed by a space.
fn command(pid: u32) -> Option<String> {
    if has_proc() {
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&words).replace('\0', " "));
    }
    let mut ps = Command::new("ps");
    let listed =
        ps.args(["-ww", "-o", "command=", "-p", &pid.to_string()]).stderr(Stdio::null()).output().ok()?;
    let command = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    (!command.is_empty()).then(|| command + " ")
}

/// Whether the process was started with this `NAME=value`. Without /proc that can't be told, and it is believed.
pub fn has_environment(pid: u32, entry: &str) -> bool {
    !has_proc() || reads_environment(&PathBuf::from(format!("/proc/{pid}")), entry)
}

/// All processes that were started with this `NAME=value`; none without /proc.
pub fn with_environment(entry: &str) -> Vec<u32> {
    let matching = processes().into_iter().filter(|process| reads_environment(process, entry));
    matching.filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
}

fn reads_environment(process: &Path, entry: &str) -> bool {
    let variables = fs::read(process.join("environ")).unwrap_or_default();
    variables.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
}

/// Whether a process's current folder is this one. Without /proc that can't be told, and there is none.
pub fn stands_in(folder: &Path) -> bool {
    processes().iter().any(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder))
}

pub fn has_proc() -> bool {
    Path::new("/proc/self").is_dir()
}

/// The folders of all processes in /proc.
fn processes() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_number =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    entries.filter(is_number).collect()
}
