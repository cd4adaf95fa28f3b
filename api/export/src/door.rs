//! The log of a running server, read through its door with the client of EventStoreDB.
//!
//! A client is made for each attempt: one that has not found its server gives up for good. It makes its own provider
//! the process's default one, and panics if there is one, so nothing else in this process may.

use std::{borrow::Cow, collections::BTreeMap, io, path::Path, pin::pin, slice, time::Duration};

use chrono::{DateTime, Utc};
use daybook_core::eventstoredb::{stream_name, stream_of};
use daybook_domain::{Position, published::Published};
use eventstore::{
    Client, ClientSettings, Error, ReadAllOptions, RecordedEvent, ResolvedEvent, StreamPosition,
    SubscribeToAllOptions, SubscriptionEvent, SubscriptionFilter,
};
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::time::timeout;
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use uuid::Uuid;

use crate::{
    args::{Args, StreamName},
    error::ExportError,
    writing::Writing,
};

/// How many events the server may look at, at most, before it says how far it is. Times the interval, it is some
/// thousands.
const WINDOW: u32 = 1_000;
/// How long nothing may be said until readers are given what there is.
const QUIET: Duration = Duration::from_millis(200);
/// A status of gRPC.
const RESOURCE_EXHAUSTED: i32 = 8;
/// The first letter of members that the protocol's servers and clients give a meaning.
const RESERVED: char = '$';

pub(crate) struct Door {
    settings: ClientSettings,
    /// Host and port, to be named in problems.
    server: String,
    types: Vec<String>,
    /// The name that the chosen stream has there.
    stream: Option<String>,
}

/// What is read of an event before it can be told.
struct Arrived<'a> {
    event: &'a RecordedEvent,
    at: Position,
    sequence: i64,
    version: u16,
    payload: &'a RawValue,
    recorded_at: DateTime<Utc>,
    metadata: BTreeMap<String, String>,
}

/// An event's own metadata. A system that a mirror appended to has times and positions of its own; the time at which the
/// event was recorded is then here, and its position in the log, which is no place to go on at there.
#[derive(Deserialize)]
struct Custom {
    version: u16,
    recorded_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Door {
    pub fn new(args: &Args, from: &str) -> Result<Self, ExportError> {
        let text = if from == "-" { io::read_to_string(io::stdin())? } else { from.to_owned() };
        let settings = settings(text.trim())?;
        let server = settings.hosts().first().map(|host| format!("{}:{}", host.host, host.port));
        let stream = args.stream.as_ref().map(|StreamName { kind, id }| stream_name(&format!("{kind}/{id}")));
        Ok(Self { settings, server: server.unwrap_or_default(), types: args.types.clone(), stream })
    }

    fn client(&self) -> Result<Client, ExportError> {
        Client::new(self.settings.clone()).map_err(|error| self.problem(&error))
    }

    pub async fn head(&self) -> Result<Position, ExportError> {
        let options = ReadAllOptions::default().backwards().position(StreamPosition::End).max_count(1);
        let last = self.one(&options).await?;
        last.map_or(Ok(Position::START), |event| position(&event))
    }

    pub async fn event_id(&self, at: Position) -> Result<Option<Uuid>, ExportError> {
        let options = ReadAllOptions::default().position(place(at)).max_count(1);
        let Some(event) = self.one(&options).await? else { return Ok(None) };
        Ok((position(&event)? == at).then_some(event.id))
    }

    async fn one(&self, options: &ReadAllOptions) -> Result<Option<RecordedEvent>, ExportError> {
        let client = self.client()?;
        let mut read = client.read_all(options).await.map_err(|error| self.problem(&error))?;
        let next = read.next().await.map_err(|error| self.problem(&error))?;
        Ok(next.and_then(|event| event.event))
    }

    pub async fn read(&self, into: &mut Writing, end: Option<Position>) -> Result<(), ExportError> {
        if let Some(end) = end {
            into.progress.ends_at(end);
        }
        let client = self.client()?;
        let mut options = SubscribeToAllOptions::default().position(place(into.through));
        if let Some(filter) = self.filter() {
            options = options.filter(filter);
        }
        let subscription = client.subscribe_to_all(&options).await;
        // A subscription whose next word isn't waited for to its end is lost; a stream keeps its place.
        let said = stream::unfold(subscription, async |mut subscription| {
            Some((subscription.next_subscription_event().await, subscription))
        });
        let mut said = pin!(said);
        loop {
            let Ok(next) = timeout(QUIET, said.next()).await else {
                into.pause()?;
                continue;
            };
            let Some(next) = next else { return Err(self.unreachable("it said nothing more")) };
            match next.map_err(|error| self.problem(&error))? {
                SubscriptionEvent::EventAppeared(ResolvedEvent { event: Some(event), .. }) => {
                    self.take(into, &event, end)?;
                }
                SubscriptionEvent::Checkpoint(place) => into.passed(in_log(place.commit)?),
                SubscriptionEvent::CaughtUp => match end {
                    // An end that was the head has been passed.
                    Some(end) => into.passed(end),
                    None => into.pause()?,
                },
                _ => {}
            }
            if end.is_some_and(|end| into.through >= end) {
                return Ok(());
            }
        }
    }

    fn take(
        &self,
        into: &mut Writing,
        event: &RecordedEvent,
        end: Option<Position>,
    ) -> Result<(), ExportError> {
        let at = position(event)?;
        if end.is_some_and(|end| at > end) {
            into.passed(end.unwrap_or(at));
            return Ok(());
        }
        // The filter chooses by beginnings; a server's own events are none of Daybook's.
        let is_chosen = (self.types.is_empty() || self.types.contains(&event.event_type))
            && self.stream.as_ref().is_none_or(|name| *name == event.stream_id)
            && !event.event_type.starts_with('$');
        if is_chosen {
            into.take(&Arrived::read(event, at)?.published())?;
        }
        into.passed(at);
        Ok(())
    }

    /// The server can look at types or at streams, so the other one is looked at here.
    fn filter(&self) -> Option<SubscriptionFilter> {
        let by_prefix = |filter: SubscriptionFilter, names: &[String]| {
            names.iter().fold(filter, |filter, name| filter.add_prefix(name)).max(WINDOW)
        };
        match &self.stream {
            Some(stream) => Some(by_prefix(SubscriptionFilter::on_stream_name(), slice::from_ref(stream))),
            None if self.types.is_empty() => None,
            None => Some(by_prefix(SubscriptionFilter::on_event_type(), &self.types)),
        }
    }

    fn unreachable(&self, reason: &str) -> ExportError {
        ExportError::Unreachable { server: self.server.clone(), reason: reason.to_owned() }
    }

    fn problem(&self, error: &Error) -> ExportError {
        match error {
            Error::AccessDenied => ExportError::AccessDenied(self.server.clone()),
            Error::GrpcConnectionError(_) => self.unreachable(
                "nothing answers there as EventStoreDB does; the port, or the certificate of tlsCAFile, may be \
                 another one",
            ),
            Error::ServerError(_)
            | Error::ConnectionClosed
            | Error::DeadlineExceeded
            | Error::NotLeaderException(_) => self.unreachable(&error.to_string()),
            // It has no room for the moment.
            Error::Grpc { code, message } if *code as i32 == RESOURCE_EXHAUSTED => self.unreachable(message),
            Error::Grpc { message, .. } => {
                ExportError::Server { server: self.server.clone(), reason: message.clone() }
            }
            other => ExportError::Server { server: self.server.clone(), reason: other.to_string() },
        }
    }
}

/// Reads a connection string. What the client would fall over is looked at here.
fn settings(text: &str) -> Result<ClientSettings, ExportError> {
    let refused = |reason: String| Err(ExportError::ConnectionString(reason));
    if !text.starts_with("esdb://") && !text.starts_with("esdb+discover://") {
        return refused("it begins with another scheme".into());
    }
    let settings: ClientSettings = match hasty(text).parse() {
        Ok(settings) => settings,
        // The error's own text repeats the string.
        Err(_) => return refused("its host, port or parameters can't be read".into()),
    };
    let ca_file = settings.tls_ca_file().filter(|_| settings.is_secure_mode_enabled());
    if let Some(Err(reason)) = ca_file.map(|file| check_certificates(Path::new(file))) {
        return refused(format!("the file of tlsCAFile can't be used: {reason}"));
    }
    if settings.user_certificate().is_some() {
        return refused("certificates of clients are not used".into());
    }
    Ok(settings)
}

/// The client waits half a second before each attempt to find its server, the first one included, unless it is told
/// otherwise.
fn hasty(text: &str) -> String {
    if text.contains("discoveryInterval=") {
        return text.to_owned();
    }
    let joint = if text.contains('?') { '&' } else { '?' };
    format!("{text}{joint}discoveryInterval=10")
}

fn check_certificates(file: &Path) -> Result<(), String> {
    let certificates: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?.collect();
    let certificates = certificates.map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it has no certificate".into());
    }
    let mut roots = RootCertStore::empty();
    certificates.into_iter().try_for_each(|one| roots.add(one)).map_err(|error| error.to_string())
}

/// The place behind which events are wanted.
fn place(at: Position) -> StreamPosition<eventstore::Position> {
    match u64::try_from(at.0) {
        Ok(0) | Err(_) => StreamPosition::Start,
        Ok(at) => StreamPosition::Position(eventstore::Position { commit: at, prepare: at }),
    }
}

fn position(event: &RecordedEvent) -> Result<Position, ExportError> {
    in_log(event.position.commit)
}

fn in_log(commit: u64) -> Result<Position, ExportError> {
    let foreign = |_| ExportError::Foreign { at: commit, reason: "its position is too large".into() };
    i64::try_from(commit).map(Position).map_err(foreign)
}

impl<'a> Arrived<'a> {
    fn read(event: &'a RecordedEvent, at: Position) -> Result<Self, ExportError> {
        let foreign = |what: &str, error: serde_json::Error| ExportError::Foreign {
            at: event.position.commit,
            reason: format!("its {what}: {error}"),
        };
        let payload = serde_json::from_slice(&event.data).map_err(|error| foreign("data", error))?;
        let Custom { version, recorded_at, others } =
            serde_json::from_slice(&event.custom_metadata).map_err(|error| foreign("metadata", error))?;
        let metadata = others.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) if !name.starts_with(RESERVED) => Some((name, text)),
            _ => None,
        });
        let recorded_at = recorded_at.unwrap_or_else(|| self::recorded_at(event));
        let sequence = i64::try_from(event.revision).unwrap_or(i64::MAX).saturating_add(1);
        Ok(Self { event, at, sequence, version, payload, recorded_at, metadata: metadata.collect() })
    }

    /// The event as the server's other interfaces tell it.
    fn published(&self) -> Published<'_> {
        let metadata = self.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Published {
            position: self.at,
            event_id: self.event.id,
            stream: stream_of(&self.event.stream_id),
            sequence: self.sequence,
            r#type: &self.event.event_type,
            version: self.version,
            payload: Cow::Borrowed(self.payload),
            metadata: metadata.collect(),
            recorded_at: self.recorded_at,
        }
    }
}

/// The client's own reading of it ends with whole seconds; the protocol has ticks of 100 ns.
fn recorded_at(event: &RecordedEvent) -> DateTime<Utc> {
    let ticks = event.metadata.get("created").and_then(|ticks| ticks.parse::<i64>().ok());
    ticks.and_then(|ticks| DateTime::from_timestamp_micros(ticks / 10)).unwrap_or(event.created)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn event(custom_metadata: &'static str) -> RecordedEvent {
        let time = DateTime::from_timestamp_micros(1_700_000_000_000_001).expect("a time");
        RecordedEvent {
            stream_id: "stock-TEA-1".into(),
            id: Uuid::nil(),
            revision: 3,
            event_type: "StockReceived".into(),
            data: r#"{"quantity":5}"#.into(),
            metadata: HashMap::from([("created".into(), (time.timestamp_micros() * 10).to_string())]),
            custom_metadata: custom_metadata.into(),
            is_json: true,
            position: eventstore::Position { commit: 9, prepare: 9 },
            created: DateTime::from_timestamp(time.timestamp(), 0).expect("a time"),
        }
    }

    fn told(custom_metadata: &'static str) -> String {
        let event = event(custom_metadata);
        let arrived = Arrived::read(&event, Position(9)).expect("an event");
        String::from_utf8(arrived.published().to_json()).expect("text")
    }

    /// Catches: an event that a mirror appended to another system, and that can't be read there.
    #[test]
    fn an_event_is_read_from_the_door_and_from_a_copy_of_the_log() {
        let same = r#"{"position":9,"event_id":"00000000-0000-0000-0000-000000000000","stream":"stock/TEA-1","sequence":4,"type":"StockReceived","version":1,"payload":{"quantity":5},"metadata":{"actor":"bob"},"recorded_at":"#;
        let of_door = told(r#"{"actor":"bob","version":1,"$correlationId":"r"}"#);
        assert_eq!(of_door, format!(r#"{same}"2023-11-14T22:13:20.000001Z"}}"#));
        let of_copy =
            told(r#"{"actor":"bob","version":1,"position":4,"recorded_at":"2020-01-02T03:04:05.000006Z"}"#);
        assert_eq!(of_copy, format!(r#"{same}"2020-01-02T03:04:05.000006Z"}}"#));
    }

    #[test]
    fn what_daybook_did_not_write_is_told_by_its_place() {
        for metadata in ["", "{}", r#"{"version":"x"}"#] {
            let event = event(metadata);
            let told = Arrived::read(&event, Position(9)).err().expect("refused").to_string();
            assert!(told.contains("at position 9"), "{told}");
        }
    }
}
