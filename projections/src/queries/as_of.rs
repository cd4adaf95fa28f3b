//! How a thing was at some moment: its stream, folded up to there. Nothing of it is kept, in no cache.

use std::{future::Future, sync::Arc};

use daybook_domain::Position;
use uuid::Uuid;

use super::{
    answer::Queries,
    question::{Answer, Moment, QueryError, Rendered},
};
use crate::{cache::Served, dead_letters, log::Log, read_models::ReadModel};

/// How many events of a stream are in memory at a time.
const PAGE: usize = 1_000;

impl Queries {
    /// The position of the answer is the moment itself. The caller sets the time limit.
    pub(super) async fn item_as_of<M: ReadModel, F>(
        &self,
        id: &str,
        moment: Moment,
        render: impl FnOnce(M::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        let log = Log::new(self.pool.clone());
        let position = locate(&log, moment).await?;
        // Left out of the past, too: else it couldn't be told, or would end in another row than today's.
        let skipped = dead_letters::skipped(&self.pool, M::NAME).await?;
        let Some(row) = fold_up_to::<M>(&log, id, position, &skipped).await? else { return Ok(None) };
        let rendering = render(row).await.map_err(QueryError::Rendering)?;
        Ok(Some(Answer { served: Arc::new(Served::from(rendering)), position }))
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
