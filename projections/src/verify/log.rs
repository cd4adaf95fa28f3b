//! Does the log keep its own promises? Positions and sequences without gaps, times that never go back,
//! and stock that is promised exactly to the orders that are open.

use std::collections::BTreeMap;

use daybook_domain::{
    Decider, Position,
    order::{Order, Promised, promised},
    sku::Sku,
    stock::Stock,
};
use serde::Serialize;
use sqlx::{Executor, PgConnection, PgPool, postgres::PgConnectOptions};

use super::second_look::Sample;
use crate::scan::{
    streams::{Events, Range, SNAPSHOT, end, long_session},
    turns::Turns,
};

#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogVerification {
    pub head: i64,
    pub events: i64,
    /// Positions without an event.
    pub gaps: i64,
    /// Events that were recorded before the one in front of them.
    pub backwards: i64,
    /// Streams that lack a sequence, hold an event that can't be read, or read differently the second
    /// time (orders and stock).
    pub broken_streams: i64,
    /// SKUs of which more or less is held or allocated than open orders ask for.
    pub broken_promises: i64,
    /// All of the above.
    pub differences: i64,
    #[cfg_attr(feature = "schema", schema(required))]
    pub first_difference: Option<String>,
}

pub(crate) async fn verify_log(
    connect: &PgConnectOptions,
    pool: &PgPool,
) -> Result<LogVerification, sqlx::Error> {
    let mut connection = long_session(connect).await?;
    connection.execute(SNAPSHOT).await?;
    let (head, events, backwards): (i64, i64, i64) = sqlx::query_as(
        "SELECT coalesce(max(position), 0), count(*), count(*) FILTER (WHERE recorded_at < before)
           FROM (SELECT position, recorded_at, lag(recorded_at) OVER (ORDER BY position) AS before
                   FROM events) e",
    )
    .fetch_one(&mut connection)
    .await?;
    let mut found = LogVerification { head, events, gaps: head - events, backwards, ..Default::default() };
    if found.gaps > 0 {
        found.first_difference = Some(format!("{events} events up to position {head}"));
    } else if backwards > 0 {
        found.first_difference = Some("an event was recorded before the one in front of it".into());
    }
    check_promises(&mut connection, pool, &mut found).await?;
    end(connection).await;
    found.differences = found.gaps + found.backwards + found.broken_streams + found.broken_promises;
    Ok(found)
}

/// What orders ask for, by SKU, must be what stock has promised. One counter a SKU is held.
async fn check_promises(
    connection: &mut PgConnection,
    pool: &PgPool,
    found: &mut LogVerification,
) -> Result<(), sqlx::Error> {
    let mut asked: BTreeMap<Sku, Promised> = BTreeMap::new();
    fold_streams::<Order>(connection, pool, found, |_, order| {
        for (sku, promised) in promised(order) {
            match asked.get_mut(sku) {
                Some(sum) => *sum += promised,
                None => drop(asked.insert(sku.clone(), promised)),
            }
        }
        None
    })
    .await?;
    fold_streams::<Stock>(connection, pool, found, |id, stock| {
        let asked = id.parse().ok().and_then(|sku: Sku| asked.remove(&sku)).unwrap_or_default();
        let promised = Promised::from(stock);
        (promised != asked)
            .then(|| format!("stock {id}: promised are {promised:?}, orders ask for {asked:?}"))
    })
    .await?;
    for (sku, asked) in asked {
        if asked != Promised::NOTHING {
            found.broken_promises += 1;
            found
                .first_difference
                .get_or_insert_with(|| format!("stock {sku}: none, orders ask for {asked:?}"));
        }
    }
    Ok(())
}

/// Folds every stream of `D` and shows each state to `look`, which says what is wrong with it. Some of
/// them are read a second time, in another way.
async fn fold_streams<D: Decider + PartialEq>(
    connection: &mut PgConnection,
    pool: &PgPool,
    found: &mut LogVerification,
    mut look: impl FnMut(&str, &D) -> Option<String> + Send,
) -> Result<(), sqlx::Error> {
    let mut events = Events::of(connection, D::KIND, &Range::default(), Position(i64::MAX)).await?;
    let mut sample = Sample::new();
    let mut end = |found: &mut LogVerification, stream: Option<Stream<D>>| {
        let Some(stream) = stream else { return };
        let (counter, what) = match stream.state {
            Err(broken) => (&mut found.broken_streams, Some(broken)),
            Ok(state) => {
                sample.offer(&stream.id, stream.events, &state);
                (&mut found.broken_promises, look(&stream.id, &state))
            }
        };
        if let Some(what) = what {
            *counter += 1;
            found.first_difference.get_or_insert(what);
        }
    };
    let mut current: Option<Stream<D>> = None;
    let mut turns = Turns::default();
    while let Some(record) = events.next().await? {
        turns.next().await;
        if current.as_ref().is_none_or(|stream| stream.id != record.aggregate_id) {
            end(found, current.take());
        }
        let id = &record.aggregate_id;
        let stream =
            current.get_or_insert_with(|| Stream { id: id.clone(), events: 0, state: Ok(D::default()) });
        stream.events += 1;
        let Ok(state) = &mut stream.state else { continue };
        stream.state = if usize::try_from(record.sequence) == Ok(stream.events) {
            let state = std::mem::take(state);
            record.decode().map(|event| state.evolve(&event)).map_err(|error| error.to_string())
        } else {
            Err(format!("{}/{id}: there is no event {}", D::KIND, stream.events))
        };
    }
    end(found, current);
    for difference in sample.compare(pool).await? {
        found.broken_streams += 1;
        found.first_difference.get_or_insert(difference);
    }
    Ok(())
}

struct Stream<D> {
    id: String,
    /// So far, and so the last one's sequence.
    events: usize,
    state: Result<D, String>,
}
