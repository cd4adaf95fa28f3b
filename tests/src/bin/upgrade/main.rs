//! `./dev upgrade`: the former release beside this one, on one database, under load, in both directions.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use daybook_tests::upgrade::{self, FormerError};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().len() > 1 {
        eprintln!("usage: ./dev upgrade");
        return ExitCode::from(2);
    }
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be caught");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be caught");
    tokio::select! {
        code = play() => code,
        // What was started ends with the future that has just been dropped.
        _ = terminate.recv() => ExitCode::from(143),
        _ = interrupt.recv() => ExitCode::from(130),
    }
}

async fn play() -> ExitCode {
    let found = tokio::task::spawn_blocking(|| upgrade::former(&root(), &target())).await;
    let former = match found.expect("it doesn't panic") {
        Ok(former) => former,
        Err(missing @ FormerError::Missing) => {
            eprintln!("\n!!! The upgrade is NOT CHECKED: {missing}\n");
            println!("skipped=1");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("the former release can't be had: {error}");
            return ExitCode::FAILURE;
        }
    };
    let logs = std::env::var_os("UPGRADE_OUTPUT").map(PathBuf::from);
    if let Some(folder) = &logs {
        std::fs::create_dir_all(folder).expect("the folder for logs can be made");
    }
    let findings = upgrade::run(&former, logs).await;
    for example in &findings.promises.examples {
        println!("! {example}");
    }
    println!("{findings}");
    if findings.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of cargo, two above this program.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    own.ancestors().nth(2).expect("a program lies in debug/").to_owned()
}
