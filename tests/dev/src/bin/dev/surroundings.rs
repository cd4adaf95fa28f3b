//! Where we run, which the script tells us: the clone, its state, and our programs.

use std::{env, io, path::PathBuf, process::Command};

use crate::{failure::Failure, place::Place, servers::Servers};

/// The settings of a database that stays.
const SETTINGS: &[&str] =
    &["shared_buffers=256MB", "max_connections=200", "max_wal_size=2GB", "fsync=on", "synchronous_commit=on"];

pub struct Surroundings {
    /// The clone.
    pub root: PathBuf,
    pub place: Place,
    /// The folder in which the script was called.
    pub caller: PathBuf,
    /// The folder of our programs.
    pub programs: PathBuf,
}

impl Surroundings {
    /// The script has gone to the root, and says where it came from.
    pub fn new() -> io::Result<Self> {
        let root = env::current_dir()?;
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let place = Place::new(variable("DAYBOOK_HOME").unwrap_or_else(|| root.join(".daybook")));
        let caller = variable("DEV_CALLER").unwrap_or_else(|| root.clone());
        // The folder itself: the script may have found it by the link that is renewed to it.
        let own = env::current_exe()?.canonicalize()?;
        let programs = own.parent().map(PathBuf::from).unwrap_or_default();
        Ok(Self { root, place, caller, programs })
    }

    pub fn daybook(&self) -> PathBuf {
        self.programs.join("daybook")
    }

    fn open(&self) -> Result<(), Failure> {
        self.place.open(&self.root.join(".daybook"))
    }

    pub fn servers(&self) -> Result<Servers, Failure> {
        self.open()?;
        Servers::new(&self.place, SETTINGS, self.root.clone(), self.daybook())
    }

    /// This program as the place's supervisor, which is recognised by these words.
    pub fn supervisor(&self, mode: &str) -> io::Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("supervise").arg(self.place.path()).arg(mode).current_dir(&self.root);
        Ok(command)
    }
}
