//! A database that was cut off doesn't say so, so waiting for its answers has a limit.

use std::{future::Future, io, time::Duration};

use tokio::time::timeout;

/// The answer, or an error that leaves open whether it was done.
pub async fn with_timeout_of<T, E: From<sqlx::Error>>(
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
