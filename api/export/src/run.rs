//! The whole of an export: its begin, its attempts, its end.

use std::time::Duration;

use daybook_domain::Position;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{args::Args, error::ExportError, source::Source, writing::Writing};

/// How often an export that has an end tries again without coming any further.
const MAX_TRIES: u32 = 5;
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Returns how many events were written.
pub async fn run(args: &Args, database_url: &str) -> Result<u64, ExportError> {
    args.check()?;
    // The source is looked at first: what can't be read leaves no file behind.
    let source = Source::open(args, database_url)?;
    let head = source.head().await?;
    let mut writing = Writing::begin(args)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ended = tokio::select! {
        ended = read_all(args, &source, head, &mut writing) => Some(ended),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    writing.progress.clear();
    match ended {
        Some(Ok(())) => writing.complete()?,
        // It has no other end.
        None if args.follow => writing.complete()?,
        Some(Err(error)) if error.is_broken_pipe() => {}
        Some(Err(error)) => {
            writing.keep()?;
            return Err(error);
        }
        None => {
            writing.keep()?;
            return Err(ExportError::Interrupted(writing.through));
        }
    }
    Ok(writing.taken)
}

async fn read_all(
    args: &Args,
    source: &Source,
    head: Position,
    writing: &mut Writing,
) -> Result<(), ExportError> {
    check_history(args, source, head, writing).await?;
    let until = args.until.map(Position);
    // Without an end, an export of a busy log might never end.
    let end = if args.follow { until } else { Some(until.map_or(head, |until| until.min(head))) };
    let mut tries = 0;
    loop {
        if end.is_some_and(|end| writing.through >= end) {
            return Ok(());
        }
        let before = writing.through;
        let Err(error) = source.read(writing, end).await else { return Ok(()) };
        tries = if writing.through > before { 1 } else { tries + 1 };
        if !error.may_pass() || (!args.follow && tries >= MAX_TRIES) {
            return Err(error);
        }
        writing.progress.say(&format!("daybook: {error}; it is tried again"));
        writing.pause()?;
        sleep(Duration::from_secs(1 << tries.min(6)).min(MAX_PAUSE)).await;
    }
}

/// What was begun from one log isn't continued from another.
async fn check_history(
    args: &Args,
    source: &Source,
    head: Position,
    writing: &Writing,
) -> Result<(), ExportError> {
    let Some(last) = writing.last else { return Ok(()) };
    if last.position > head || source.event_id(last.position).await? != Some(last.event_id) {
        return Err(ExportError::OtherHistory { path: args.path(), at: last.position });
    }
    Ok(())
}
