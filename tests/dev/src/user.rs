//! The user who runs PostgreSQL, which refuses to be run by root.

use std::{
    io,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

/// Those whom `./dev` lets run PostgreSQL if we are root; it makes the second one if there is neither.
pub const CANDIDATES: [&str; 2] = ["postgres", "daybook"];

#[derive(Clone, Copy)]
pub struct User {
    uid: u32,
    gid: u32,
}

pub fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl User {
    /// The other user who runs PostgreSQL; `None` unless we are root.
    pub fn of_postgres() -> Option<Self> {
        let found = || CANDIDATES.into_iter().find_map(Self::named);
        we_are_root().then(|| found().expect("a user to run PostgreSQL as: run ./dev test, which makes one"))
    }

    /// The user with this name or number, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let id = |option: &str| -> Option<u32> {
            let output = Command::new("id").args([option, name]).stderr(Stdio::null()).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().parse().ok()
        };
        Some(Self { uid: id("-u")?, gid: id("-g")? })
    }

    /// Makes the file or folder this user's.
    pub fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// Lets the command run as `user`, from /, because that user may not be able to stand where we stand.
    pub fn run(command: &mut Command, user: Option<Self>) -> &mut Command {
        match user {
            Some(User { uid, gid }) => command.uid(uid).gid(gid).current_dir("/"),
            None => command,
        }
    }
}
