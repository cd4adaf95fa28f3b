//! Applies events to the table of a read model: many events folded, each touched row written once, all
//! in one statement with the checkpoint.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, mem,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use daybook_domain::{Position, Record};
use lru::LruCache;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    batch::{Batch, Row},
    table,
};
use crate::{
    background::Background,
    checkpoint::{At, Consumer, FENCE},
    notices::{Keys, Notice},
    partition::Partition,
    read_models::{Contribution, Definition},
    session::Session,
    stream::handler::{HandleError, Handler},
};

/// What the documents of rows that are kept in memory may come to.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// One partition of a generation of a read model.
pub(crate) struct Projector {
    definition: &'static Definition,
    generation: i32,
    partition: Partition,
    load_sql: String,
    upsert_sql: String,
    /// Events that an operator said to leave out.
    skipped: Vec<Uuid>,
    /// Rows as they were last written here. As long as the fence lets this projector through, no other one
    /// has written them; whenever it doesn't, or anything fails, they are forgotten.
    kept: Mutex<Kept>,
    session: Session,
}

/// A row as it is stored: id, version, document, and what it contributes to a tally's sums.
type Stored = (String, i64, String, Option<String>);

/// What is written where no row changes.
static MOVE_AND_NOTIFY: LazyLock<String> =
    LazyLock::new(|| format!("{FENCE} SELECT pg_notify('daybook_read', $9) FROM fence"));

impl Projector {
    pub fn new(
        definition: &'static Definition,
        generation: i32,
        partition: Partition,
        skipped: Vec<Uuid>,
    ) -> Self {
        let table = table::name(definition.name, generation);
        let contributes = if definition.tally.is_some() { "contributes::text" } else { "NULL::text" };
        Self {
            definition,
            generation,
            partition,
            load_sql: format!("SELECT id, version, doc::text, {contributes} FROM {table} WHERE id = ANY($1)"),
            upsert_sql: definition.upsert_sql(generation),
            skipped,
            kept: Mutex::default(),
            session: Session::default(),
        }
    }

    pub fn consumer(&self) -> Consumer {
        Consumer { name: self.definition.name, generation: self.generation, partition: self.partition }
    }

    /// Moves the checkpoint from `from` behind `records` and writes what they change. `None`: the fence
    /// refused. Must be dropped with its transaction, if `connection` has one and that isn't committed.
    pub async fn apply(
        &self,
        connection: &mut PgConnection,
        from: At,
        records: &[Arc<Record>],
    ) -> Result<Option<At>, HandleError> {
        let Some(last) = records.last() else { return Ok(Some(from)) };
        let own: Vec<(usize, &Record)> = records
            .iter()
            .enumerate()
            .map(|(index, record)| (index, &**record))
            .filter(|(_, record)| self.concerns(record))
            .collect();
        // Taken out, and put back when all went well: a failure anywhere forgets them.
        let mut kept = mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rows = self.load(connection, &mut kept, &own).await?;
        let mut proof = from.proof;
        for (index, record) in own {
            let row = rows.get_mut(&record.aggregate_id).expect("every id of the batch was loaded");
            row.fold.apply(record).map_err(|reason| HandleError::Poison { index, reason })?;
            if let Some(proof) = &mut proof {
                proof.add(record.event_id, record.position, row.version);
            }
            row.version = if row.fold.is_there() { record.sequence } else { 0 };
            row.position = record.position;
        }
        let batch = Batch::of(self.definition, &mut rows);
        let keys = Keys::These(batch.ids.clone());
        let (model, generation) = (self.definition.name.to_owned(), self.generation);
        let (partition, position) = (self.partition.index, last.position);
        let groups = batch.groups(self.definition);
        let notice = Notice::Touched { model, generation, partition, position, keys, groups }.payload();
        // The notice is sent even if there is nothing to write, because reads may wait for this position.
        let sql = if batch.ids.is_empty() { &*MOVE_AND_NOTIFY } else { &self.upsert_sql };
        let mut query = self.consumer().fenced(sql, from, last, proof).bind(notice);
        if !batch.ids.is_empty() {
            query = batch.bind(query);
        }
        if query.fetch_optional(connection).await?.is_none() {
            return Ok(None);
        }
        for (id, row) in rows {
            kept.put(id, row);
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(Some(At { position: last.position, proof }))
    }

    /// The rows that `records` touch: as they were kept, else as they are stored.
    async fn load(
        &self,
        connection: &mut PgConnection,
        kept: &mut Kept,
        records: &[(usize, &Record)],
    ) -> Result<BTreeMap<String, Row>, HandleError> {
        let mut rows = BTreeMap::new();
        let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, record) in records {
            let id = record.aggregate_id.as_str();
            if rows.contains_key(id) || wanted.contains_key(id) {
                continue;
            }
            if let Some(row) = kept.take(id) {
                rows.insert(id.to_owned(), row);
            } else if record.sequence == 1 {
                // Its stream begins here, so there is no row yet.
                rows.insert(id.to_owned(), self.begin(id, None, *index)?);
            } else {
                wanted.insert(id, *index);
            }
        }
        if wanted.is_empty() {
            return Ok(rows);
        }
        let ids: Vec<&str> = wanted.keys().copied().collect();
        let stored: Vec<Stored> = sqlx::query_as(&self.load_sql).bind(&ids).fetch_all(connection).await?;
        let mut stored: HashMap<String, Stored> =
            stored.into_iter().map(|stored| (stored.0.clone(), stored)).collect();
        for (id, index) in wanted {
            rows.insert(id.to_owned(), self.begin(id, stored.remove(id), index)?);
        }
        Ok(rows)
    }

    fn begin(&self, id: &str, stored: Option<Stored>, index: usize) -> Result<Row, HandleError> {
        let poison = |error: &dyn fmt::Display| HandleError::Poison {
            index,
            reason: format!("the stored row of {id} can't be read: {error}"),
        };
        let doc = stored.as_ref().map(|(_, _, doc, _)| doc.as_str());
        let fold = (self.definition.begin)(doc).map_err(|error| poison(&error))?;
        let contributes = stored.as_ref().and_then(|(.., contributes)| contributes.as_deref());
        let contributed = match self.definition.tally.zip(contributes) {
            Some((shape, text)) => Contribution::read(text, shape).map_err(|error| poison(&error))?,
            None => Contribution::default(),
        };
        let version = stored.map_or(0, |(_, version, ..)| version);
        Ok(Row { fold, version, position: Position::START, contributed, bytes: 0 })
    }
}

#[async_trait]
impl Handler for Projector {
    async fn commit(
        &self,
        background: &Background,
        from: At,
        records: &[Arc<Record>],
    ) -> Result<Option<At>, HandleError> {
        // Rows and checkpoint are lost together or not at all, so nothing is gained by waiting for the
        // disk; and a statement that notifies holds a lock of the whole database until its commit ends,
        // so a slow disk would hold up appends to the log.
        let mut connection = self.session.take(&background.relaxed).await?;
        let applied = self.apply(&mut connection, from, records).await?;
        self.session.give_back(connection);
        Ok(applied)
    }

    fn concerns(&self, record: &Record) -> bool {
        record.aggregate_type == self.definition.kind
            && self.partition.holds(&record.aggregate_id)
            && !self.skipped.contains(&record.event_id)
    }
}

/// Rows that were used last, bounded by the size of their documents.
struct Kept {
    rows: LruCache<String, Row>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { rows: LruCache::unbounded(), bytes: 0 }
    }
}

impl Kept {
    fn take(&mut self, id: &str) -> Option<Row> {
        let row = self.rows.pop(id)?;
        self.bytes -= row.bytes;
        Some(row)
    }

    fn put(&mut self, id: String, row: Row) {
        self.bytes += row.bytes;
        self.rows.put(id, row);
        while self.bytes > MAX_KEPT_BYTES {
            let Some((_, row)) = self.rows.pop_lru() else { break };
            self.bytes -= row.bytes;
        }
    }
}
