//! The mirror's client: appends public events to another system that speaks the protocol of EventStoreDB (gRPC). It has
//! the streams, revisions and ids that the door gives them, so that those who read there read the same.
//!
//! Streams are appended to side by side, the events of one stream behind each other. Each call says what its stream has
//! to be like, so nothing is ever written to a stream that others have written to; nothing is deleted there, or written
//! anew.

mod connection;
mod protocol;
mod stream;
mod wire;

use std::collections::BTreeMap;

use async_trait::async_trait;
use daybook_core::config;
use daybook_domain::{Record, published::publish};
use daybook_projections::{OtherSystem, Untold};
use futures::{TryStreamExt, stream as futures_stream};

pub use connection::MirrorError;

use crate::{
    connection::Connection,
    stream::Stream,
    wire::{Event, event, name},
};

/// The other system, as it is reached.
pub struct Mirror {
    connection: Connection,
    lanes: usize,
}

impl Mirror {
    /// Connects when there is something to say.
    pub fn new(to: &config::ConnectionString, settings: &config::Mirror) -> Result<Self, MirrorError> {
        let connection = Connection::new(to, settings.timeout.get())?;
        Ok(Self { connection, lanes: settings.lanes })
    }

    fn stream<'a>(&'a self, name: &'a str) -> Stream<'a> {
        Stream { connection: &self.connection, name }
    }
}

#[async_trait]
impl OtherSystem for Mirror {
    async fn tell(&self, records: &[Record]) -> Result<(), Untold> {
        let mut streams: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for record in records {
            let published = publish(record);
            streams.entry(name(&published)).or_default().push(event(published));
        }
        let streams = futures_stream::iter(streams.into_iter().map(Ok));
        let tell =
            |(name, events): (String, Vec<Event>)| async move { self.stream(&name).append(&events).await };
        streams.try_for_each_concurrent(self.lanes, tell).await
    }

    async fn look_for(&self, record: &Record) -> Result<(), Untold> {
        let published = publish(record);
        let name = name(&published);
        self.stream(&name).look_for(&event(published)).await
    }
}
