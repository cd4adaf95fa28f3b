use clap::Parser;
use daybook_api::cli::Cli;
use mimalloc::MiMalloc;

/// What a request needs is made on one thread and dropped on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    Cli::parse().run().await
}
