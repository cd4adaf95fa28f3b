//! Log → a stream of JetStream: every event once, in order, nothing left out.
//!
//! Each message names the stream sequence that it expects in front of it, so the server itself keeps
//! the stream in order and whole, even if two processes should believe in their lease at the same time
//! or a message that was given up is still sent by the client. Within a page it names the event, too:
//! after a message of another sender, the first of a page is refused, and the sequences behind it would
//! be right again.

use std::time::{Duration, Instant};

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID},
    jetstream::{
        Context,
        context::PublishAckFuture,
        message::StreamMessage,
        stream::{Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType, Stream},
    },
};
use async_trait::async_trait;
use daybook_domain::{
    Position, Record,
    settings::{Size, Span},
};
use daybook_migrations::traces::{self, SpanKind};
use prometheus::{IntCounter, IntGauge};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Failure, Nats, POSITION};
use crate::{
    background::Background,
    log::{self, Log},
    metrics,
    session::Session,
    settings::Settings,
    timeout::with_timeout,
    traced,
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

/// Events that are read and published at a time: while one page is on its way, the next one is read.
const PAGE: usize = 1_000;
/// Room that a message's headers and subject need at most, beside its body.
const HEADER_BYTES: usize = 4 << 10;
/// Within which the server recognises an event that it has already. Only a retry after a lost
/// acknowledgement needs it.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(10);
/// How often it is measured how large the stream is.
const MEASURE_INTERVAL: Duration = Duration::from_secs(60);
/// How often an idle carrier looks whether the stream is still as it left it.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
const PAUSES: Pauses = Pauses::millis(100, 2_000);

/// What one stream carries, and what is remembered of it.
#[async_trait]
pub(crate) trait Cargo: Send + Sync {
    /// What carrying it is for, as a whole sentence.
    const DESCRIPTION: &'static str;

    /// The name of its worker, its lease and its checkpoint.
    fn name(&self) -> &'static str;

    fn meters(&self) -> Meters;

    fn stream(&self, settings: &Settings) -> Bounds;

    fn message(&self, settings: &Settings, record: &Record) -> Result<Message, Failure>;

    /// Bodies above this are left out.
    fn max_body_bytes(&self) -> usize;

    /// The place to go on at in a stream whose last message doesn't say it.
    async fn resume(&self, background: &Background, ending: Ending) -> Result<Resume, Failure>;

    /// How long its checkpoint may stay behind the stream.
    fn checkpoint_interval(&self) -> Duration;

    /// Moves the checkpoint. `from` is where this put it last; `None`, if carrying has only begun.
    async fn reach(&self, background: &Background, from: Option<End>, to: End) -> Result<(), Failure>;
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The last event in it, or what would be.
    pub position: Position,
    /// Its id; `None`, if the stream didn't say.
    pub event_id: Option<Uuid>,
    /// The last message's number, which the server gave.
    sequence: u64,
}

/// A stream whose last message isn't an event of this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No message was ever in it.
    New,
    /// There are none any more.
    Emptied,
    /// A message that is not one of ours.
    Foreign,
    /// An event that the log doesn't hold: a database that lost commits in a failover may have given its
    /// numbers again.
    OtherHistory,
}

pub(crate) struct Resume {
    /// Behind this event.
    pub after: Position,
    /// What is in the stream is thrown away first.
    pub purge: bool,
}

/// A stream that isn't there is made like this. One that is there is used as it is: an operator's own
/// limits are left alone.
pub(crate) struct Bounds {
    pub name: String,
    pub subjects: String,
    pub max_age: Span,
    pub max_size: Size,
}

pub(crate) struct Message {
    pub subject: String,
    pub body: Vec<u8>,
}

/// What is counted and measured.
pub(crate) struct Meters {
    /// 1 while this process carries.
    pub up: &'static IntGauge,
    pub position: &'static IntGauge,
    pub lag: &'static IntGauge,
    pub published: &'static IntCounter,
    pub failures: &'static IntCounter,
}

/// Carries one cargo.
pub(crate) struct Carrying<C> {
    pub background: Background,
    pub nats: Nats,
    pub cargo: C,
}

#[async_trait]
impl<C: Cargo> Worker for Carrying<C> {
    fn about(&self) -> About {
        let poll = self.background.settings.background.poll_interval.get();
        About::new(self.cargo.name(), C::DESCRIPTION, When::signal("the log grows").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let Self { background, nats, cargo } = self;
        let carrier = Carrier {
            log: Log::new(background.pool.clone()),
            session: Session::default(),
            background,
            nats,
            cargo,
            meters: cargo.meters(),
        };
        background.leases.hold(&background.pool, cargo.name(), duty, carrier.run(duty)).await;
        cargo.meters().up.set(0);
    }
}

struct Carrier<'a, C> {
    log: Log,
    session: Session,
    background: &'a Background,
    nats: &'a Nats,
    cargo: &'a C,
    meters: Meters,
}

impl<C: Cargo> Carrier<'_, C> {
    async fn run(&self, duty: &Duty) {
        let name = self.cargo.name();
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let publish = async {
                let published = duty.or_over(self.publish_all(&rounds)).await.unwrap_or(Ok(()));
                self.meters.up.set(0);
                published.inspect_err(|_| self.meters.failures.inc())
            };
            let complain = |error: &_| tracing::error!(%error, "the {name} starts over behind the stream's last message");
            rounds.attempt(publish, complain).await;
        }
    }

    async fn publish_all(&self, rounds: &Rounds<'_>) -> Result<(), Failure> {
        let context = self.nats.jetstream().await?;
        let stream = self.ensure_stream(&context).await?;
        let mut end = self.find_end(&stream).await?;
        tracing::info!(position = %end.position, "the {} goes on", self.cargo.name());
        self.meters.up.set(1);
        self.meters.position.set(end.position.0);

        let mut head = self.background.signals.head();
        let (mut checked, mut reported) = (Instant::now(), None);
        let mut page = self.page(end).await?;
        let mut measured: Option<Instant> = None;
        loop {
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_INTERVAL) {
                // Events are carried also where that can't be told.
                if let Err(error) = measure(&stream).await {
                    tracing::debug!(%error, "cannot measure the stream");
                }
                measured = Some(Instant::now());
            }
            let is_due = |(at, _): &(Instant, End)| at.elapsed() >= self.cargo.checkpoint_interval();
            if reported.as_ref().is_none_or(is_due) {
                with_timeout(self.report(reported.map(|(_, end)| end), end)).await?;
                reported = Some((Instant::now(), end));
            }
            if page.is_empty() {
                if checked.elapsed() >= CHECK_INTERVAL {
                    self.check(&stream, end).await?;
                    checked = Instant::now();
                    rounds.went_well();
                }
                let moved = head.wait_for(|head| *head > end.position);
                tokio::select! { _ = moved => {} () = sleep(self.background.settings.background.poll_interval.get()) => {} }
                page = self.page(end).await?;
                continue;
            }
            let mut span = self.begin(&page);
            let (ack, published) = self.send(&context, end, &page).await?;
            // While the server writes this page, the next one is read.
            let (confirmed, next) = tokio::join!(confirm(ack, published), self.page(published));
            confirmed.inspect_err(|_| span.iter_mut().for_each(|span| span.fail("unconfirmed")))?;
            drop(span);
            self.meters.published.inc_by(published.sequence - end.sequence);
            end = published;
            page = next?;
            rounds.went_well();
            self.meters.position.set(end.position.0);
            self.meters.lag.set((head.borrow().0 - end.position.0).max(0));
        }
    }

    /// The span of a page on its way.
    fn begin(&self, page: &[Record]) -> Option<traces::Span> {
        let mut span = traced::begin("publish", SpanKind::Producer, page)?;
        let name = self.cargo.stream(&self.background.settings).name;
        traced::message(&mut span, "send", &name, page.len());
        Some(span)
    }

    async fn ensure_stream(&self, context: &Context) -> Result<Stream, Failure> {
        let settings = &self.background.settings;
        let Bounds { name, subjects, max_age, max_size } = self.cargo.stream(settings);
        let stream = context
            .get_or_create_stream(Config {
                name,
                subjects: vec![subjects.clone()],
                retention: RetentionPolicy::Limits,
                discard: DiscardPolicy::Old,
                storage: StorageType::File,
                max_age: max_age.get(),
                max_bytes: max_size.get().try_into().unwrap_or(i64::MAX),
                num_replicas: settings.stream.replicas,
                duplicate_window: DUPLICATE_WINDOW,
                ..Config::default()
            })
            .await?;
        let found = &stream.cached_info().config.subjects;
        if !found.contains(&subjects) {
            return Err(format!("the stream carries {found:?}, not {subjects:?}").into());
        }
        Ok(stream)
    }

    /// Behind the last message, if it is an event of this log.
    async fn find_end(&self, stream: &Stream) -> Result<End, Failure> {
        let state = stream.get_info().await?.state;
        let end = |position, event_id| End { position, event_id, sequence: state.last_sequence };
        let last = match state.messages {
            0 => None,
            _ => self.last_message(stream, state.last_sequence).await?,
        };
        let ending = match last {
            None if state.last_sequence == 0 => Ending::New,
            None => Ending::Emptied,
            Some(last) => {
                let position = last.headers.get(POSITION).and_then(|text| text.as_str().parse().ok());
                let event_id: Option<Uuid> =
                    last.headers.get(NATS_MESSAGE_ID).and_then(|text| text.as_str().parse().ok());
                match (position.map(Position), event_id) {
                    (Some(position), Some(event_id)) => {
                        if with_timeout(self.log.event_id(position)).await? == Some(event_id) {
                            return Ok(end(position, Some(event_id)));
                        }
                        tracing::error!(%position, %event_id, "the stream's last message is not in the log");
                        Ending::OtherHistory
                    }
                    _ => Ending::Foreign,
                }
            }
        };
        let resume = self.cargo.resume(self.background, ending).await?;
        if resume.purge {
            tracing::error!(name = self.cargo.name(), ?ending, "emptying the stream");
            stream.purge().await?;
        }
        Ok(end(resume.after, None))
    }

    /// The last one that is there: those behind it may have been deleted, which doesn't change the stream's last
    /// sequence. `None` if all of ours were.
    async fn last_message(&self, stream: &Stream, last: u64) -> Result<Option<StreamMessage>, Failure> {
        let found = match stream.get_raw_message(last).await {
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                let subjects = self.cargo.stream(&self.background.settings).subjects;
                stream.get_last_raw_message_by_subject(&subjects).await
            }
            found => found,
        };
        match found {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails if the stream isn't as this left it: deleted, made anew, written to by others.
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
        let client = context.client();
        let most = client.server_info().max_payload.saturating_sub(HEADER_BYTES);
        let max_body_bytes = self.cargo.max_body_bytes().min(most);
        let mut published = end;
        let (mut in_front, mut ack) = (None, None);
        for (left, record) in (0..records.len()).rev().zip(records) {
            let Message { subject, mut body } = self.cargo.message(&self.background.settings, record)?;
            if body.len() > max_body_bytes {
                body.clear();
            }
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, record.event_id.to_string());
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, published.sequence.to_string());
            headers.insert(POSITION, record.position.to_string());
            if let Some(traceparent) = traced::header(record) {
                headers.insert("traceparent", traceparent);
            }
            // The first message names none: a server that was started again has forgotten the ids of old messages.
            if let Some(event_id) = in_front.replace(record.event_id.to_string()) {
                headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, event_id);
            }
            if left == 0 {
                ack = Some(context.publish_with_headers(subject, headers, body.into()).await?);
            } else {
                client.publish_with_headers(subject, headers, body.into()).await?;
            }
            let (position, event_id) = (record.position, Some(record.event_id));
            published = End { position, event_id, sequence: published.sequence + 1 };
        }
        Ok((ack, published))
    }

    async fn report(&self, from: Option<End>, to: End) -> Result<(), Failure> {
        let head = log::head(&self.background.pool).await?;
        self.meters.lag.set((head.0 - to.position.0).max(0));
        self.cargo.reach(self.background, from, to).await
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

/// Notes how large the stream is.
async fn measure(stream: &Stream) -> Result<(), Failure> {
    let found = stream.get_info().await?;
    let name = [found.config.name.as_str()];
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    metrics::STREAM_BYTES.with_label_values(&name).set(whole(found.state.bytes));
    metrics::STREAM_MESSAGES.with_label_values(&name).set(whole(found.state.messages));
    if found.config.max_bytes > 0 {
        metrics::STREAM_MAX_BYTES.with_label_values(&name).set(found.config.max_bytes);
    }
    Ok(())
}
