//! A database that was cut off doesn't say so: whoever asks it waits for so long, and no longer.

use std::{future::Future, io, time::Duration};

use tokio::time::timeout;

/// Longer than a statement waits for a lock, so that the database itself says that it does.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// The answer, or an error that leaves open whether it was done.
pub(crate) async fn with_timeout<T, E: From<sqlx::Error>>(
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    with_timeout_of(ANSWER_TIMEOUT, asked).await
}

pub(crate) async fn with_timeout_of<T, E: From<sqlx::Error>>(
    limit: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match timeout(limit, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer from the database within {} s", limit.as_secs()),
        ))
        .into()),
    }
}
