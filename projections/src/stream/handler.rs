//! What a subscriber gives its events to.

use std::sync::Arc;

use async_trait::async_trait;
use daybook_domain::Record;

use crate::{background::Background, checkpoint::At};

/// What a batch of events comes to.
#[async_trait]
pub(crate) trait Handler: Send + Sync {
    /// Moves its checkpoint from `from` behind `records` and writes what follows from them, in one
    /// transaction. Returns its place after that; `None` if the fence refused. If it fails, nothing is kept.
    async fn commit(
        &self,
        background: &Background,
        from: At,
        records: &[Arc<Record>],
    ) -> Result<Option<At>, HandleError>;

    /// Whether anything but the checkpoint changes because of it.
    fn concerns(&self, record: &Record) -> bool;
}

pub(crate) enum HandleError {
    Database(sqlx::Error),
    /// This one can't be handled, now or later.
    Poison {
        index: usize,
        reason: String,
    },
}

impl From<sqlx::Error> for HandleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
