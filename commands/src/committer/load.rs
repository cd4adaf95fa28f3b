//! Reads streams from the log: all that a moment's commands need, in one query.

use std::collections::HashMap;

use daybook_domain::stored::Unreadable;
use daybook_migrations::{ErrorClass, classify};
use serde_json::value::RawValue;
use sqlx::{PgExecutor, PgPool, Row, types::Json};
use uuid::Uuid;

use crate::{
    metrics,
    outcome::Failure,
    work::{Epoch, Standing, StoredEvent, StreamId, Version, Wanted},
};

/// What was asked for, stream by stream; one that can't be read doesn't hold up the others.
pub type Streams = Vec<(StreamId, Result<Standing, Unreadable>)>;

pub type Loaded = Result<Streams, Failure>;

/// Loads from a pool, outside of any transaction: what has changed meanwhile shows at the append.
pub async fn load(pool: PgPool, wanted: Vec<Wanted>) -> Loaded {
    load_streams(&pool, &wanted).await.map_err(|error| {
        tracing::warn!(%error, streams = wanted.len(), "streams could not be loaded");
        match classify(&error) {
            ErrorClass::Defect | ErrorClass::Data => Failure::Internal,
            ErrorClass::Busy | ErrorClass::Gone | ErrorClass::Conflict => Failure::Unavailable,
        }
    })
}

/// One query for all; what is read is not trusted to be the newest. A stream without events is at its default.
pub async fn load_streams(executor: impl PgExecutor<'_>, wanted: &[Wanted]) -> Result<Streams, sqlx::Error> {
    let kinds: Vec<&str> = wanted.iter().map(|wanted| wanted.stream.kind).collect();
    let ids: Vec<&str> = wanted.iter().map(|wanted| &*wanted.stream.id).collect();
    let rows = sqlx::query(
        "SELECT w.place, e.sequence, e.event_id, e.event_type, e.event_version, e.payload
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(kind, id, place)
           JOIN LATERAL (
                SELECT * FROM events e
                 WHERE e.aggregate_type = w.kind AND e.aggregate_id = w.id
                 ORDER BY e.sequence) e ON true
          ORDER BY w.place, e.sequence",
    )
    .bind(&kinds)
    .bind(&ids)
    .fetch_all(executor)
    .await?;
    metrics::STREAMS_LOADED.inc_by(wanted.len() as u64);

    let mut streams: HashMap<i64, (Version, Vec<StoredEvent>)> = HashMap::new();
    for row in rows {
        let event_id: Uuid = row.try_get("event_id")?;
        let payload: Json<Box<RawValue>> = row.try_get("payload")?;
        let (version, events) =
            streams.entry(row.try_get("place")?).or_insert_with(|| (Version::NONE, Vec::new()));
        *version = Version { sequence: row.try_get("sequence")?, event_id: Some(event_id) };
        events.push(StoredEvent {
            name: row.try_get("event_type")?,
            version: row.try_get("event_version")?,
            payload: payload.0,
        });
    }
    Ok((1..)
        .zip(wanted)
        .map(|(place, wanted)| {
            let (version, events) = streams.remove(&place).unwrap_or((Version::NONE, Vec::new()));
            let standing =
                (wanted.fold)(&events).map(|state| Standing { version, state, epoch: Epoch::NEVER });
            (wanted.stream.clone(), standing)
        })
        .collect())
}

/// The idempotency keys among `keys` that were answered already: fingerprint, receipt and position.
pub async fn load_keys(
    executor: impl PgExecutor<'_>,
    keys: &[(String, String)],
) -> Result<HashMap<(String, String), StoredAnswer>, sqlx::Error> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (scopes, names): (Vec<&str>, Vec<&str>) =
        keys.iter().map(|(scope, key)| (scope.as_str(), key.as_str())).unzip();
    let rows = sqlx::query(
        "SELECT k.scope, k.key, k.fingerprint, k.receipt, k.position
           FROM unnest($1::text[], $2::text[]) AS w(scope, key)
           JOIN LATERAL (
                SELECT * FROM idempotency_keys k WHERE k.scope = w.scope AND k.key = w.key) k ON true",
    )
    .bind(&scopes)
    .bind(&names)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = (row.try_get("scope")?, row.try_get("key")?);
            let answer = StoredAnswer {
                fingerprint: row.try_get("fingerprint")?,
                receipt: row.try_get("receipt")?,
                position: row.try_get("position")?,
            };
            Ok((id, answer))
        })
        .collect()
}

/// What was answered to the first request with a key.
pub struct StoredAnswer {
    pub fingerprint: Vec<u8>,
    pub receipt: String,
    pub position: i64,
}
