//! How a thing was at some moment: its stream, folded up to there. Nothing of it is kept, in no cache.

use std::{future::Future, sync::Arc};

use daybook_domain::Position;
use uuid::Uuid;

use super::{
    answer::Queries,
    question::{Answer, Asked, Moment, QueryError},
};
use crate::{
    dead_letters,
    log::{self, Log},
    read_models::ReadModel,
};

/// How many events of a stream are in memory at a time.
const PAGE: usize = 1_000;

impl Queries {
    /// What `make` makes of the row of `id` as it was at `moment`, if there was one. The position of the
    /// answer is the moment itself.
    pub async fn item_as_of<M, T, E, F>(
        &self,
        id: &str,
        moment: Moment,
        asked: &Asked,
        make: impl FnOnce(M::Row) -> F,
    ) -> Result<Option<Answer<T>>, E>
    where
        M: ReadModel,
        E: From<QueryError>,
        F: Future<Output = Result<T, E>>,
    {
        if id.contains('\0') {
            // The database takes no NUL, and no id has one.
            return Ok(None);
        }
        let answer = async {
            self.refuse_ahead(asked.min_position).await?;
            let Some((row, position)) = self.row_at::<M>(id, moment).await? else { return Ok(None) };
            let value = Arc::new(make(row).await?);
            Ok(Some(Answer { value, position }))
        };
        self.in_time(M::NAME, asked, answer).await
    }

    /// What isn't in the log now was never told to any client.
    async fn refuse_ahead(&self, min_position: Option<Position>) -> Result<(), QueryError> {
        let Some(position) = min_position else { return Ok(()) };
        let head = log::head(&self.pool).await?;
        if position > head { Err(QueryError::Ahead { head }) } else { Ok(()) }
    }

    async fn row_at<M: ReadModel>(
        &self,
        id: &str,
        moment: Moment,
    ) -> Result<Option<(M::Row, Position)>, QueryError> {
        let log = Log::new(self.pool.clone());
        let position = locate(&log, moment).await?;
        // Left out of the past, too: else it couldn't be told, or would end in another row than today's.
        let skipped = dead_letters::skipped(&self.pool, M::NAME).await?;
        let row = fold_up_to::<M>(&log, id, position, &skipped).await?;
        Ok(row.map(|row| (row, position)))
    }

    /// The row of `id` as its whole stream says, also what the read model has not come to yet. The caller
    /// sets the time limit.
    pub async fn row_by_log<M: ReadModel>(&self, id: &str) -> Result<Option<M::Row>, QueryError> {
        let log = Log::new(self.pool.clone());
        let (mut row, mut sequence) = (None, 0);
        loop {
            let page = log.stream_page(M::KIND, id, sequence, Position(i64::MAX), PAGE).await?;
            for record in &page.records {
                sequence = record.sequence;
                row = M::fold(row.clone(), record).unwrap_or(row);
            }
            if !page.more {
                return Ok(row);
            }
        }
    }
}

/// A time that is still to come is now: nothing is known of later. A place that is still to come has no
/// answer, because the one of today would be another tomorrow.
async fn locate(log: &Log, moment: Moment) -> Result<Position, QueryError> {
    match moment {
        Moment::Time(time) => Ok(log.position_at(time).await?),
        Moment::Position(position) => {
            let head = log.head().await?;
            if position <= head { Ok(position) } else { Err(QueryError::Beyond { head }) }
        }
    }
}

async fn fold_up_to<M: ReadModel>(
    log: &Log,
    id: &str,
    position: Position,
    skipped: &[Uuid],
) -> Result<Option<M::Row>, QueryError> {
    let (mut row, mut sequence) = (None, 0);
    loop {
        let page = log.stream_page(M::KIND, id, sequence, position, PAGE).await?;
        for record in &page.records {
            sequence = record.sequence;
            if !skipped.contains(&record.event_id) {
                row = M::fold(row, record)?;
            }
        }
        if !page.more {
            return Ok(row);
        }
    }
}
