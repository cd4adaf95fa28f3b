use std::{io, process::ExitCode};

use clap::Parser;
use daybook::cli::Cli;
use mimalloc::MiMalloc;
use tokio::runtime::Builder;

/// What a request needs is made on one thread and dropped on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Requests have threads of their own, as many as there are cores. The committer and what is downstream
/// need half as many: with more, each wakes the other one for what it could do itself.
fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()?;
    Ok(runtime.block_on(cli.run()))
}
