//! The folder that has all the state of a set of servers: logs, ports and numbers of processes, passwords, NATS's data,
//! and where the database lies. The names in it are for ever: a folder that another release made goes on working.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::Access;

use crate::failure::{About, Failure};

/// Only for the user who runs this program.
pub const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

const FOLDERS: [&str; 5] = ["run", "log", "secret", "nats", "tls"];
const SECRETS: [&str; 4] = ["superuser", "owner", "app", "analyst"];
/// In a folder that `reset` may delete.
const MARK: &str = "made-by-dev";

#[derive(Debug, Clone)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file about what runs: the number of a process, a port, an address, the folder of its programs.
    pub fn run(&self, name: &str) -> PathBuf {
        self.path.join("run").join(name)
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join("log").join(format!("{name}.log"))
    }

    /// The text in a file of `run/`; empty if there is no such file.
    pub fn noted(&self, name: &str) -> String {
        contents(&self.run(name))
    }

    pub fn note(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.run(name);
        fs::write(&path, format!("{text}\n")).about(path.display())
    }

    /// Notes the folder of our programs, where the script looks for them.
    pub fn note_programs(&self, folder: &Path) -> Result<(), Failure> {
        let link = self.run("programs");
        let _ = fs::remove_file(&link);
        symlink(folder, &link).about(link.display())
    }

    /// The number of a process in a file of `run/`.
    pub fn noted_pid(&self, name: &str) -> Option<u32> {
        self.noted(name).parse().ok()
    }

    pub fn secret(&self, name: &str) -> String {
        contents(&self.path.join("secret").join(name))
    }

    pub fn was_made_by_us(&self) -> bool {
        self.join(MARK).exists()
    }

    /// Makes what is missing. A folder that has other things in it is no state, unless it is `own`.
    pub fn open(&self, own: &Path) -> Result<(), Failure> {
        let is_empty = || fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none());
        if !self.path.is_dir() || self.path == own || is_empty() {
            fs::create_dir_all(&self.path)
                .and_then(|()| File::create(self.join(MARK)))
                .about(format_args!("cannot write to {}", self.path.display()))?;
        }
        if rustix::fs::access(&self.path, Access::WRITE_OK).is_err() {
            let place = self.path.display();
            return Err(Failure::new(format_args!(
                "{place} belongs to another user: be that user, or set DAYBOOK_HOME"
            )));
        }
        for folder in FOLDERS.map(|name| self.join(name)) {
            if !folder.is_dir() {
                DirBuilder::new().mode(PRIVATE_FOLDER).create(&folder).about(folder.display())?;
            }
        }
        for name in SECRETS.into_iter().filter(|name| self.secret(name).is_empty()) {
            let path = self.path.join("secret").join(name);
            write_private(&path, &random_secret()).about(path.display())?;
        }
        Ok(())
    }

    pub fn keep_one_old_log(&self, name: &str) {
        let log = self.log(name);
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let _ = fs::rename(&log, log.with_extension("log.1"));
        }
    }
}

/// The text in a file; empty if there is no such file.
pub fn contents(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}

/// Writes a file that no other user can read.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(path)?;
    file.write_all(text.as_bytes())
}

fn random_secret() -> String {
    let bytes: [u8; 24] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a folder of this name and six random characters, as `mktemp -d` does.
pub fn make_folder(prefix: &Path) -> io::Result<PathBuf> {
    const CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut name = prefix.as_os_str().to_owned();
    for _ in 0..6 {
        name.push(char::from(CHARACTERS[rand::random_range(0..CHARACTERS.len())]).to_string());
    }
    let path = PathBuf::from(name);
    DirBuilder::new().mode(PRIVATE_FOLDER).create(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Removed with the test.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new() -> Self {
            Self(make_folder(&std::env::temp_dir().join("daybook-place-")).expect("a folder"))
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_place_that_is_opened_again_keeps_its_passwords() {
        let folder = Temporary::new();
        let place = Place::new(folder.0.join("state"));
        place.open(Path::new("/elsewhere")).expect("it is made");
        let secrets = SECRETS.map(|name| place.secret(name));
        assert!(secrets.iter().all(|secret| secret.len() == 48), "{secrets:?}");
        place.open(Path::new("/elsewhere")).expect("it is there");
        assert_eq!(SECRETS.map(|name| place.secret(name)), secrets);
        assert!(place.was_made_by_us());
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_never_marked_as_ours() {
        let folder = Temporary::new();
        fs::write(folder.0.join("letter"), "dear Ada").expect("a file");
        let place = Place::new(folder.0.clone());
        place.open(Path::new("/elsewhere")).expect("its folders are made");
        assert!(!place.was_made_by_us());
    }

    #[test]
    fn only_one_old_log_is_kept() {
        let folder = Temporary::new();
        let place = Place::new(folder.0.join("state"));
        place.open(Path::new("/elsewhere")).expect("it is made");
        for text in ["first", "second"] {
            fs::write(place.log("nats"), text).expect("a file");
            place.keep_one_old_log("nats");
        }
        assert_eq!(contents(&place.join("log/nats.log.1")), "second");
        assert!(!place.log("nats").exists());
    }
}
