//! The log by way of JetStream: the relay publishes, the feed receives, subscribers consume. Beside that,
//! the publisher tells other systems.
//!
//! JetStream may lose everything at any time without anyone noticing more than a delay: Postgres is
//! the truth, and whoever misses something reads it there.

pub(crate) mod carrier;
pub(crate) mod feed;
pub(crate) mod handler;
pub(crate) mod publisher;
pub(crate) mod relay;
pub(crate) mod source;
pub(crate) mod subject;
pub(crate) mod subscriber;

use std::time::Duration;

use async_nats::{Client, ConnectOptions, jetstream};
use tokio::sync::watch;

use crate::tasks::{Backoff, Tasks};

/// Header of each message: the event's place in the log.
pub(crate) const POSITION: &str = "Daybook-Position";

/// How long JetStream may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The connection to NATS, for all of the process. `None` until the server was reached for the first
/// time; after that the client connects again by itself.
#[derive(Clone)]
pub(crate) struct Nats {
    client: watch::Sender<Option<Client>>,
}

impl Nats {
    pub fn connect(tasks: &Tasks, url: String) -> Self {
        let client = watch::Sender::new(None);
        let sender = client.clone();
        tasks.keep("nats", move |stop| {
            let (sender, url) = (sender.clone(), url.clone());
            async move {
                let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
                while sender.borrow().is_none() && !stop.is_cancelled() {
                    match options().connect(&url).await {
                        Ok(client) => {
                            sender.send_replace(Some(client));
                        }
                        Err(error) => {
                            if backoff.is_first() {
                                tracing::error!(%error, "NATS is away; projections read the log instead");
                            }
                            backoff.wait(&stop).await;
                        }
                    }
                }
                stop.cancelled().await;
            }
        });
        Self { client }
    }

    /// Waits for the first connection.
    pub async fn jetstream(&self) -> jetstream::Context {
        let mut client = self.client.subscribe();
        let client = client.wait_for(Option::is_some).await.expect("self holds the sender").clone();
        let client = client.expect("this was waited for");
        jetstream::ContextBuilder::new().timeout(ANSWER_TIMEOUT).ack_timeout(ANSWER_TIMEOUT).build(client)
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::new()
        .name("daybook")
        .connection_timeout(Duration::from_secs(3))
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(|tries| Duration::from_millis(100 * (tries as u64).clamp(1, 10)))
        .event_callback(|event| async move { tracing::debug!(%event, "NATS") })
}
