//! Servers of a test's own, that may be killed, stopped and started again.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
};

use daybook_dev::port::random_port;
pub use daybook_dev::{
    process::{Signal, send},
    program::{find_program, look_for_program},
    user::User,
};

use crate::{shop::new_id, until::until_blocking};

/// A server process and its children.
pub struct Server {
    child: Child,
}

impl Server {
    /// Returns when `is_ready` says so.
    pub fn start(command: &mut Command, log: &Path, is_ready: impl Fn() -> bool) -> Self {
        let log_file = || File::options().create(true).append(true).open(log).expect("a log file");
        command.stdin(Stdio::null()).stdout(log_file()).stderr(log_file());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child };
        until_blocking("the server is ready", || {
            if let Some(status) = server.ended() {
                panic!("the server ended: {status}\n{}", std::fs::read_to_string(log).unwrap_or_default());
            }
            is_ready()
        });
        server
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// To the server and all its children.
    pub fn signal(&self, signal: Signal) {
        send(signal, std::iter::once(self.child.id()).chain(children(self.child.id())));
    }

    /// `kill -9`, and nothing of it is left when this returns: a new server on the same data would
    /// otherwise meet the children of the old one.
    pub fn kill(&mut self) {
        let children = children(self.child.id());
        send(Signal::Kill, std::iter::once(self.child.id()));
        let _ = self.child.wait();
        send(Signal::Kill, children.iter().copied());
        until_blocking("the server's children are gone", || !children.iter().any(|pid| is_running(*pid)));
    }

    /// Ends as the signal says, and waits for it.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        send(Signal::Continue, children(self.child.id()).into_iter().chain([self.child.id()]));
        send(signal, std::iter::once(self.child.id()));
        self.child.wait().expect("a child of ours")
    }
}

fn children(parent: u32) -> Vec<u32> {
    processes().into_iter().filter(|process| process.parent == parent).map(|process| process.pid).collect()
}

fn is_running(pid: u32) -> bool {
    processes().iter().any(|process| process.pid == pid && !process.is_zombie)
}

struct Process {
    pid: u32,
    parent: u32,
    is_zombie: bool,
}

fn processes() -> Vec<Process> {
    let listed =
        Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().expect("ps lists processes");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let process = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Process { pid, parent, is_zombie: words.next()?.starts_with('Z') })
    };
    text.lines().filter_map(process).collect()
}

/// A port that is this process's among all of the run.
pub fn free_port() -> u16 {
    /// Locked as long as the process lives.
    static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let take = |port: &u16| {
        let path = std::env::temp_dir().join(format!("daybook-port-{port}"));
        let file = File::create(path).expect("a lock file");
        let is_mine = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok();
        if is_mine {
            TAKEN.lock().expect("nobody panics with it").push(file);
        }
        is_mine
    };
    (0..100).map(|_| random_port()).find(take).expect("a free port")
}

/// A folder that is removed with its owner.
pub struct Folder(PathBuf);

impl Folder {
    /// For `user`, if that isn't us.
    pub fn new(name: &str, user: Option<User>) -> Self {
        let temporary = std::env::temp_dir();
        let path = temporary.join(format!("{name}-{}", new_id().simple()));
        std::fs::create_dir(&path).expect("a temporary folder");
        if let Some(user) = user {
            // `./dev test` keeps its folder to itself; the other user must be able to walk through.
            let mode = std::fs::metadata(&temporary).expect("it is there").permissions().mode();
            if mode & 0o001 == 0 {
                let open = std::fs::Permissions::from_mode(mode | 0o011);
                std::fs::set_permissions(&temporary, open).expect("the folder is ours");
            }
            user.own(&path).expect("we are root");
        }
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
