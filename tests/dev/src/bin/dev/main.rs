//! What `./dev` becomes once it is built: Daybook on a private PostgreSQL and a private nats-server. The script of
//! that name says what the verbs are, and refuses wrong arguments before it builds anything.

mod authority;
mod banner;
mod catalogue;
mod cluster;
mod failure;
mod http;
mod judges;
mod listeners;
mod people;
mod place;
mod private;
mod restarts;
mod roles;
mod servers;
mod session;
mod settings;
mod signals;
mod start;
mod supervisor;
mod surroundings;
mod taxes;
mod up;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use failure::Failure;
use place::Place;
use surroundings::Surroundings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

async fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let mut around = Surroundings::new()?;
    // Paths, which need not be text, are passed on as they are.
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    match words[..] {
        ["up"] => up::up(&around, false).await,
        ["up", "--detach"] => up::up(&around, true).await,
        ["down"] => up::down(&around).await,
        ["reset"] => up::reset(&around).await,
        ["daybook", ..] => up::daybook(&around, &arguments[1..]),
        ["test", "--judges"] => private::judges(&around).await,
        ["test", ..] => private::test(&around, &arguments[1..]).await,
        ["bench", ..] => private::bench(&around, &arguments[1..]).await,
        ["chaos", ..] => private::chaos(&around, &arguments[1..]).await,
        ["upgrade"] => private::upgrade(&around).await,
        // From here on, only the script and this program itself ask.
        ["is-up"] if supervisor::is_running(&around.place) => Ok(()),
        ["is-up"] => Err(Failure::silent(1)),
        ["supervise", _, mode @ ("foreground" | "detached")] => {
            around.place = Place::new(PathBuf::from(&arguments[1]));
            up::supervise(&around, mode == "foreground").await
        }
        _ => Err(Failure::usage("run ./dev help")),
    }
}
