//! Where a program is that may not be on the PATH.

use std::path::PathBuf;

pub fn find_program(name: &str) -> PathBuf {
    look_for_program(name)
        .unwrap_or_else(|| panic!("{name} is not installed: run ./dev test, which does that"))
}

/// The program, or only its name if it is nowhere: starting that fails, and says so.
pub fn program(name: &str) -> PathBuf {
    look_for_program(name).unwrap_or_else(|| name.into())
}

pub fn look_for_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versioned: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versioned.sort();
    let also = versioned.into_iter().rev().chain(["/usr/sbin".into(), "/opt/homebrew/bin".into()]);
    std::env::split_paths(&path).chain(also).map(|folder| folder.join(name)).find(|program| program.is_file())
}
