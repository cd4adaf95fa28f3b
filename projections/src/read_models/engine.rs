//! Applies events to the table of a read model: many events folded, each touched row written once.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use daybook_domain::{Position, Record};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Definition, Fold, table};
use crate::{
    signals::{self, Keys, Notice},
    stream::subscriber::{HandleError, Handler},
};

/// One generation of a read model.
pub(crate) struct Engine {
    definition: &'static Definition,
    generation: i32,
    load_sql: String,
    upsert_sql: String,
    /// Events that an operator said to leave out.
    skipped: Vec<Uuid>,
}

/// A row that this batch touches.
struct Touched {
    fold: Box<dyn Fold>,
    version: i64,
    position: Position,
}

impl Engine {
    pub fn new(definition: &'static Definition, generation: i32, skipped: Vec<Uuid>) -> Self {
        let table = table::name(definition.name, generation);
        Self {
            definition,
            generation,
            load_sql: format!("SELECT id, doc::text FROM {table} WHERE id = ANY($1)"),
            upsert_sql: definition.upsert_sql(generation),
            skipped,
        }
    }

    async fn load(
        &self,
        transaction: &mut PgConnection,
        records: &[(usize, &Arc<Record>)],
    ) -> Result<BTreeMap<String, Touched>, HandleError> {
        let mut ids: Vec<&str> = records.iter().map(|(_, record)| record.aggregate_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        // What begins in this batch has no row yet.
        let stored: Vec<(String, String)> =
            sqlx::query_as(&self.load_sql).bind(&ids).fetch_all(transaction).await?;
        let stored: BTreeMap<String, String> = stored.into_iter().collect();
        let mut rows = BTreeMap::new();
        for id in ids {
            let fold = (self.definition.begin)(stored.get(id).map(String::as_str)).map_err(|error| {
                let first = records.iter().find(|(_, record)| record.aggregate_id == id);
                let index = first.map_or(0, |(index, _)| *index);
                HandleError::Poison {
                    index,
                    reason: format!("the stored row of {id} can't be read: {error}"),
                }
            })?;
            rows.insert(id.to_owned(), Touched { fold, version: 0, position: Position::START });
        }
        Ok(rows)
    }

    async fn write(
        &self,
        transaction: &mut PgConnection,
        rows: BTreeMap<String, Touched>,
        notice: String,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut versions, mut positions, mut docs) = (vec![], vec![], vec![], vec![]);
        let mut columns = vec![Vec::new(); self.definition.columns.len()];
        for (id, row) in rows {
            let Some(written) = row.fold.written() else { continue };
            ids.push(id);
            versions.push(row.version);
            positions.push(row.position.0);
            docs.push(written.doc);
            for (column, value) in columns.iter_mut().zip(written.columns) {
                column.push(value);
            }
        }
        let mut query = sqlx::query(&self.upsert_sql).bind(notice).bind(ids).bind(versions).bind(positions);
        for column in columns {
            query = query.bind(column);
        }
        query.bind(docs).execute(transaction).await?;
        Ok(())
    }
}

#[async_trait]
impl Handler for Engine {
    async fn handle(
        &self,
        transaction: &mut PgConnection,
        records: &[Arc<Record>],
    ) -> Result<(), HandleError> {
        let Some(last) = records.last() else { return Ok(()) };
        let own: Vec<(usize, &Arc<Record>)> = records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.aggregate_type == self.definition.kind)
            .filter(|(_, record)| !self.skipped.contains(&record.event_id))
            .collect();
        let notice = |keys| {
            let (model, generation) = (self.definition.name.to_owned(), self.generation);
            Notice::Touched { model, generation, position: last.position, keys }.payload()
        };
        if own.is_empty() {
            // Whoever waits for this position may read now.
            signals::notify(transaction, signals::READ, &notice(Keys::These(vec![]))).await?;
            return Ok(());
        }
        let mut rows = self.load(transaction, &own).await?;
        for (index, record) in own {
            let row = rows.get_mut(&record.aggregate_id).expect("every id of the batch was loaded");
            row.fold.apply(record).map_err(|reason| HandleError::Poison { index, reason })?;
            row.version = record.sequence;
            row.position = record.position;
        }
        let keys = Keys::These(rows.keys().cloned().collect());
        self.write(transaction, rows, notice(keys)).await?;
        Ok(())
    }
}
