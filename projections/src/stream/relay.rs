//! Log → JetStream: every event once, in order, nothing left out.
//!
//! Each message names the stream sequence that it expects in front of it, so the server itself keeps
//! the stream in order and whole, even if two relays should believe in their lease at the same time
//! or a message that was given up is still sent by the client.

use std::time::{Duration, Instant};

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID},
    jetstream::{
        Context,
        context::PublishAckFuture,
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use daybook_domain::{Position, Record};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Failure, Nats, POSITION, subject};
use crate::{
    background::Background,
    log::{self, Log},
    metrics,
    session::Session,
    tasks::{Backoff, Tasks},
    timeout::with_timeout,
};

/// Events that are read and published at a time: while one page is on its way, the next one is read.
const PAGE: usize = 1_000;
/// Bodies above this are left out, and whoever wants them reads the log: it keeps messages below the
/// server's limit and the memory of whoever receives them bounded.
const MAX_BODY_BYTES: usize = 64 << 10;
/// Within which the server recognises an event that it has already. Only a retry after a lost
/// acknowledgement needs it.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(10);
/// How often an idle relay looks whether the stream is still as it left it.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How often the relay's position is written down for operators.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) fn start(tasks: &Tasks, background: &Background, nats: &Nats) {
    let (background, nats) = (background.clone(), nats.clone());
    tasks.keep("relay", move |stop| {
        let (background, nats) = (background.clone(), nats.clone());
        async move {
            let relay = Relay {
                log: Log::new(background.pool.clone()),
                session: Session::default(),
                background: &background,
                nats: &nats,
            };
            background.leases.hold(&background.pool, "relay", &stop, relay.run(&stop)).await;
            metrics::RELAY_UP.set(0);
        }
    });
}

struct Relay<'a> {
    log: Log,
    session: Session,
    background: &'a Background,
    nats: &'a Nats,
}

/// Where the stream ends.
#[derive(Debug, Clone, Copy)]
struct End {
    /// The last event in it.
    position: Position,
    /// The last message's number, which the server gave.
    sequence: u64,
}

impl Relay<'_> {
    async fn run(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        while !stop.is_cancelled() {
            let failure = tokio::select! {
                failed = self.publish_all(&mut backoff) => failed.err(),
                () = stop.cancelled() => None,
            };
            metrics::RELAY_UP.set(0);
            if let Some(error) = failure {
                metrics::RELAY_FAILURES.inc();
                if backoff.is_first() {
                    tracing::error!(%error, "the relay starts over behind the stream's last message");
                }
                backoff.wait(stop).await;
            }
        }
    }

    async fn publish_all(&self, backoff: &mut Backoff) -> Result<(), Failure> {
        let context = self.nats.jetstream().await;
        let stream = self.ensure_stream(&context).await?;
        let mut end = self.find_end(&stream).await?;
        tracing::info!(position = %end.position, "relaying");
        metrics::RELAY_UP.set(1);
        metrics::RELAY_POSITION.set(end.position.0);

        let mut head = self.background.signals.head();
        let (mut checked, mut reported) = (Instant::now(), None);
        let mut page = self.page(end).await?;
        loop {
            if reported.is_none_or(|at: Instant| at.elapsed() >= REPORT_INTERVAL) {
                with_timeout(self.report(end.position)).await?;
                reported = Some(Instant::now());
            }
            if page.is_empty() {
                if checked.elapsed() >= CHECK_INTERVAL {
                    self.check(&stream, end).await?;
                    checked = Instant::now();
                }
                let moved = head.wait_for(|head| *head > end.position);
                tokio::select! { _ = moved => {} () = sleep(self.background.settings.background.poll_interval.get()) => {} }
                page = self.page(end).await?;
                continue;
            }
            let (ack, published) = self.send(&context, end, &page).await?;
            // While the server writes this page, the next one is read.
            let (confirmed, next) = tokio::join!(confirm(ack, published), self.page(published));
            confirmed?;
            metrics::RELAY_PUBLISHED.inc_by(published.sequence - end.sequence);
            end = published;
            page = next?;
            backoff.reset();
            metrics::RELAY_POSITION.set(end.position.0);
            metrics::RELAY_LAG.set((head.borrow().0 - end.position.0).max(0));
        }
    }

    async fn ensure_stream(&self, context: &Context) -> Result<Stream, Failure> {
        let settings = &self.background.settings.stream;
        let subjects = vec![subject::all(&settings.subject_prefix)];
        // An operator's own limits are left alone: a stream that is there is used as it is.
        let stream = context
            .get_or_create_stream(Config {
                name: settings.name.clone(),
                subjects: subjects.clone(),
                retention: RetentionPolicy::Limits,
                discard: DiscardPolicy::Old,
                storage: StorageType::File,
                max_age: settings.max_age.get(),
                max_bytes: settings.max_size.get().try_into().unwrap_or(i64::MAX),
                num_replicas: settings.replicas,
                duplicate_window: DUPLICATE_WINDOW,
                ..Config::default()
            })
            .await?;
        let found = &stream.cached_info().config.subjects;
        if !found.contains(&subjects[0]) {
            return Err(format!("the stream carries {found:?}, not {subjects:?}").into());
        }
        Ok(stream)
    }

    /// Behind the last message; at the head of the log, if there is none. A stream of another history
    /// is emptied: a database that lost commits in a failover may have given its numbers again.
    async fn find_end(&self, stream: &Stream) -> Result<End, Failure> {
        let state = stream.get_info().await?.state;
        let end = |position| End { position, sequence: state.last_sequence };
        if state.messages == 0 {
            return Ok(end(with_timeout(self.log.head()).await?));
        }
        let last = stream.get_raw_message(state.last_sequence).await?;
        let position = last.headers.get(POSITION).and_then(|position| position.as_str().parse().ok());
        let event_id = last.headers.get(NATS_MESSAGE_ID).map(ToString::to_string);
        if let Some(position) = position.map(Position) {
            let stored = with_timeout(self.log.event_id(position)).await?;
            if stored.map(|id| id.to_string()) == event_id && event_id.is_some() {
                return Ok(end(position));
            }
        }
        tracing::error!(?position, ?event_id, "the stream's last message is not in the log; emptying it");
        stream.purge().await?;
        Ok(end(with_timeout(self.log.head()).await?))
    }

    /// Fails if the stream isn't as the relay left it: deleted, made anew, written to by others.
    async fn check(&self, stream: &Stream, end: End) -> Result<(), Failure> {
        let found = stream.get_info().await?.state.last_sequence;
        if found == end.sequence {
            return Ok(());
        }
        Err(format!("the stream ends at sequence {found}, not at {}", end.sequence).into())
    }

    async fn page(&self, end: End) -> Result<Vec<Record>, sqlx::Error> {
        let read = async {
            let mut connection = self.session.take(&self.background.connect).await?;
            let page = log::page(&mut connection, end.position, PAGE).await?;
            self.session.give_back(connection);
            Ok::<_, sqlx::Error>(page.records)
        };
        with_timeout(read).await
    }

    /// Hands all records to the client, in order. Only the last one is acknowledged: since each names
    /// the one in front of it, the server can't have stored it without all the others.
    async fn send(
        &self,
        context: &Context,
        end: End,
        records: &[Record],
    ) -> Result<(Option<PublishAckFuture>, End), Failure> {
        let prefix = &self.background.settings.stream.subject_prefix;
        let client = context.client();
        let mut published = end;
        let mut ack = None;
        for (left, record) in (0..records.len()).rev().zip(records) {
            let mut body = serde_json::to_vec(record)?;
            if body.len() > MAX_BODY_BYTES {
                body.clear();
            }
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, record.event_id.to_string());
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, published.sequence.to_string());
            headers.insert(POSITION, record.position.to_string());
            let subject = subject::subject(prefix, record);
            if left == 0 {
                ack = Some(context.publish_with_headers(subject, headers, body.into()).await?);
            } else {
                client.publish_with_headers(subject, headers, body.into()).await?;
            }
            published = End { position: record.position, sequence: published.sequence + 1 };
        }
        Ok((ack, published))
    }

    async fn report(&self, position: Position) -> Result<(), Failure> {
        let head = log::head(&self.background.pool).await?;
        metrics::RELAY_LAG.set((head.0 - position.0).max(0));
        sqlx::query(
            "INSERT INTO checkpoints (name, generation, position) VALUES ('relay', 0, $1)
             ON CONFLICT (name, generation, partition)
             DO UPDATE SET position = excluded.position, updated_at = clock_timestamp()
             WHERE checkpoints.position <> excluded.position",
        )
        .bind(position.0)
        .execute(&self.background.pool)
        .await?;
        Ok(())
    }
}

/// Waits until the server has the last one, under the expected number.
async fn confirm(ack: Option<PublishAckFuture>, published: End) -> Result<(), Failure> {
    let Some(ack) = ack else { return Ok(()) };
    let last = ack.await?.sequence;
    if last != published.sequence {
        return Err(format!("acknowledged as {last}, expected {}", published.sequence).into());
    }
    Ok(())
}
