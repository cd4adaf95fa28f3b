//! Where a database lies, whose it is, and how it is made.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use daybook_dev::{
    postgres, process,
    until::within,
    user::{CANDIDATES, User, we_are_root},
};

use crate::{
    failure::{About, Failure, say, say_end_of},
    place::{PRIVATE_FOLDER, Place, contents, make_folder, write_private},
};

/// The state's folder if another user must walk through it.
const FOLDER_TO_WALK_THROUGH: u32 = 0o711;
const ELSEWHERE: &str = "/var/lib/daybook-";
const IN_MEMORY: &str = "/dev/shm/daybook-";
/// The type of a file system that lies in memory (`statfs(2)`).
const TMPFS: i64 = 0x0102_1994;
/// What must be free there, and what the database of a run of tests never fills.
const ROOM_IN_MEMORY: u64 = 6 << 30;
/// How long backends outlive a postmaster that was killed.
const OLD_BACKENDS: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

pub struct Cluster {
    home: PathBuf,
    /// The other user who runs PostgreSQL, if we are root.
    pub user: Option<User>,
}

impl Cluster {
    /// Finds it, or chooses where it will lie.
    pub fn find(place: &Place) -> Result<Self, Failure> {
        let noted = home_in(place);
        let user = if we_are_root() { Some(other_user(noted.as_deref())?) } else { None };
        let home = match noted {
            Some(home) => home,
            None => choose_home(place, user)?,
        };
        Ok(Self { home, user })
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The number that the postmaster itself has written.
    pub fn pid(&self) -> Option<u32> {
        contents(&self.data().join("postmaster.pid")).lines().next()?.trim().parse().ok()
    }

    pub fn is_ready(&self) -> bool {
        contents(&self.data().join("postmaster.pid"))
            .lines()
            .nth(7)
            .is_some_and(|line| line.contains("ready"))
    }

    /// Makes it unless it is there.
    pub async fn create(&self, place: &Place) -> Result<(), Failure> {
        if self.data().is_dir() {
            return Ok(());
        }
        let home = self.home.display();
        say(format_args!("Creating a database cluster in {home}"));
        // Renamed when complete: a half-made one would never start.
        remove_unfinished(&self.home);
        let unfinished = self.home.join(format!("new.{}", std::process::id()));
        let password = self.home.join("password");
        write_private(&password, &place.secret("superuser")).about(password.display())?;
        if let Some(user) = self.user {
            user.own(&password).about(password.display())?;
        }
        let log = fs::File::create(place.log("initdb")).about("log/initdb.log")?;
        let mut initdb = postgres::initdb(&unfinished);
        initdb.args(["-A", "scram-sha-256"]).arg(format!("--pwfile={}", password.display()));
        initdb.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        User::run(&mut initdb, self.user);
        let made = tokio::process::Command::from(initdb).kill_on_drop(true).status().await.about("initdb")?;
        if !made.success() {
            say_end_of(&place.log("initdb"));
            return Err(Failure::new("initdb failed"));
        }
        let _ = fs::remove_file(password);
        fs::rename(unfinished, self.data()).about(home)
    }

    /// After a kill -9 of its postmaster, backends live on for a moment, and the next one refuses to start beside
    /// them. When they are gone and the number in postmaster.pid is that of another user's process (numbers come
    /// back after a reboot), the file is stale.
    pub async fn outlive_old_backends(&self) {
        if !process::has_proc() {
            return;
        }
        let data = self.data();
        if within(OLD_BACKENDS, PAUSE, async || !process::stands_in(&data)).await {
            let _ = fs::remove_file(data.join("postmaster.pid"));
        } else {
            say(format_args!("old backends of {} are still there", self.home.display()));
        }
    }
}

/// Where the place's database is, if it has one.
pub fn home_in(place: &Place) -> Option<PathBuf> {
    Some(contents(&place.join("postgres.path"))).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Deletes a database that lies outside of its place, where it would not be looked for.
pub fn remove_home_elsewhere(home: Option<&Path>) {
    let is_ours = |home: &&Path| {
        let name = [ELSEWHERE, IN_MEMORY].into_iter().find_map(|prefix| home.to_str()?.strip_prefix(prefix));
        name.is_some_and(|name| name.len() == 6 && !name.contains('/'))
    };
    if let Some(home) = home.filter(is_ours) {
        let _ = fs::remove_dir_all(home);
    }
}

/// An existing database stays with its owner.
pub fn other_user(home: Option<&Path>) -> Result<User, Failure> {
    let [usual, own] = CANDIDATES;
    let owner = home.and_then(|home| fs::metadata(home).ok()).map(|home| home.uid().to_string());
    if let Some(user) = User::named(owner.as_deref().unwrap_or(usual)).or_else(|| User::named(own)) {
        return Ok(user);
    }
    let mut useradd = Command::new("useradd");
    useradd.args(["--system", "--no-create-home", "--home-dir", "/nonexistent"]);
    let _ = useradd.args(["--shell", "/usr/sbin/nologin", own]).status();
    User::named(own).ok_or_else(|| Failure::new("be an ordinary user here: PostgreSQL does not run as root"))
}

/// Whether the user may do with the path what `test` calls like this.
pub fn may(user: User, what: &str, path: &Path) -> bool {
    let mut test = Command::new("test");
    User::run(test.arg(what).arg(path), Some(user)).status().is_ok_and(|status| status.success())
}

/// Chooses a home in memory for a database that ends with a run, if there is room for it. Each test has a database of its
/// own, of 440 files: ext4 takes 300 ms to make them after a run of deletions, and memory 43 ms.
pub fn prefer_memory(place: &Place) -> Result<(), Failure> {
    let has_room = rustix::fs::statfs("/dev/shm").is_ok_and(|memory| {
        let free = memory.f_bavail.saturating_mul(memory.f_bsize.unsigned_abs());
        memory.f_type == TMPFS && free >= ROOM_IN_MEMORY
    });
    if !has_room {
        return Ok(());
    }
    let user = if we_are_root() { Some(other_user(None)?) } else { None };
    open_to(user, place)?;
    let home = make_folder(Path::new(IN_MEMORY)).about(IN_MEMORY)?;
    note(place, &home)?;
    give(&home, user)
}

fn choose_home(place: &Place, user: Option<User>) -> Result<PathBuf, Failure> {
    open_to(user, place)?;
    let mut home = place.join("postgres");
    fs::create_dir_all(&home).about(home.display())?;
    give(&home, user)?;
    if let Some(user) = user
        && !may(user, "-w", &home)
    {
        let _ = fs::remove_dir(&home);
        home = make_folder(Path::new(ELSEWHERE)).about(ELSEWHERE)?;
        give(&home, Some(user))?;
    }
    note(place, &home)?;
    Ok(home)
}

fn open_to(user: Option<User>, place: &Place) -> Result<(), Failure> {
    set_mode(place.path(), if user.is_some() { FOLDER_TO_WALK_THROUGH } else { PRIVATE_FOLDER })
}

fn note(place: &Place, home: &Path) -> Result<(), Failure> {
    let note = place.join("postgres.path");
    fs::write(&note, format!("{}\n", home.display())).about(note.display())
}

fn give(home: &Path, user: Option<User>) -> Result<(), Failure> {
    set_mode(home, PRIVATE_FOLDER)?;
    user.map_or(Ok(()), |user| user.own(home)).about(home.display())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::set_permissions(path, Permissions::from_mode(mode)).about(path.display())
}

fn remove_unfinished(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("new.") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
