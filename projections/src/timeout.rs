//! How long work in the background waits for an answer of the database.

use std::{future::Future, time::Duration};

pub(crate) use daybook_migrations::with_timeout_of;

/// Longer than a statement waits for a lock, so that the database itself says that it does.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// The answer, or an error that leaves open whether it was done.
pub(crate) async fn with_timeout<T, E: From<sqlx::Error>>(
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    with_timeout_of(ANSWER_TIMEOUT, asked).await
}
