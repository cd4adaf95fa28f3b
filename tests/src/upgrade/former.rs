//! The release before this one, built from the repository's history.
//!
//! Its program is made once and kept beside what cargo builds. It is never built in the folder of this
//! build: packages of both have the same names and versions, and cargo would take one's for the other's.
//! It gets a copy of the compiled dependencies instead, so that cargo compiles only what has changed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Program;

/// The one place that says which release that is.
const TAG: &str = "v0.1.0";
/// What the tag stands for, in clones without tags.
const COMMIT: &str = "d67b8d21e5dc207969adbaa9b951ebfd4ff78455";

/// What cargo keeps of a package; all that begins with our own name is left out of a copy.
const KEPT_BY_CARGO: [&str; 3] = [".fingerprint", "build", "deps"];
const OURS: [&str; 2] = ["daybook", "libdaybook"];

#[derive(Debug, thiserror::Error)]
pub enum FormerError {
    /// In a shallow clone, or in no repository at all.
    #[error("the history has neither {TAG} nor {COMMIT}: fetch it with `git fetch --unshallow --tags`")]
    Missing,
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Finds the former release's program, or builds it. `root` is the repository, `target` the folder of cargo.
pub fn former(root: &Path, target: &Path) -> Result<Program, FormerError> {
    let commit =
        [TAG, COMMIT].into_iter().find_map(|name| resolved(root, name)).ok_or(FormerError::Missing)?;
    let kept = target.join("former");
    fs::create_dir_all(&kept)?;
    let lock = File::create(kept.join("lock"))?;
    // Another run may be building it.
    lock.lock()?;
    let program = kept.join(format!("daybook-{commit}"));
    if !program.is_file() {
        println!("building {TAG} ({commit})");
        build(root, target, &commit, &program)?;
    }
    Program::other(&program).map_err(FormerError::Unusable)
}

fn resolved(root: &Path, name: &str) -> Option<String> {
    let mut git = git(root);
    git.args(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).stderr(Stdio::null());
    let told = git.output().ok().filter(|told| told.status.success())?;
    Some(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    // The clone may belong to another user, as in a container.
    git.arg("-C").arg(root).args(["-c", "safe.directory=*"]);
    git
}

fn build(root: &Path, target: &Path, commit: &str, program: &Path) -> Result<(), FormerError> {
    let place = program.with_extension("building");
    // Left by a run that was stopped.
    let _ = fs::remove_dir_all(&place);
    let (source, out) = (place.join("source"), place.join("out"));
    fs::create_dir_all(&source)?;
    let archive = place.join("source.tar");
    run(git(root).args(["archive", "--format=tar", "-o"]).arg(&archive).arg(commit))?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&source))?;
    copy_dependencies(&target.join("debug"), &out.join("debug"))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "-p", "daybook-api", "--bin", "daybook"]).current_dir(&source);
    run(cargo.env("CARGO_TARGET_DIR", &out))?;
    fs::rename(out.join("debug/daybook"), program)?;
    Ok(fs::remove_dir_all(&place)?)
}

/// Everything compiled that isn't ours. What doesn't fit the former release is not used by cargo.
fn copy_dependencies(from: &Path, to: &Path) -> Result<(), FormerError> {
    for folder in KEPT_BY_CARGO {
        let Ok(entries) = fs::read_dir(from.join(folder)) else { continue };
        let is_foreign = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Programs, which have no ending, are ours.
            let is_program = folder == "deps" && path.extension().is_none();
            !is_program && !OURS.iter().any(|ours| name.starts_with(ours))
        };
        let foreign: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_foreign).collect();
        let copy = to.join(folder);
        fs::create_dir_all(&copy)?;
        // With their times, by which cargo knows what is fresh; some hundred at a time.
        for some in foreign.chunks(500) {
            run(Command::new("cp").arg("-a").args(some).arg(&copy))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), FormerError> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(FormerError::Unusable(format!("{command:?}: {status}"))),
        Err(error) => Err(FormerError::Unusable(format!("{command:?}: {error}"))),
    }
}
