//! The log by way of JetStream: the relay publishes, the feed receives, subscribers consume. Beside that,
//! the publisher tells other systems.
//!
//! JetStream may lose everything at any time, and the only effect is a delay: Postgres is the truth, and
//! a subscriber that misses something reads it there.

pub(crate) mod carrier;
pub(crate) mod feed;
pub(crate) mod handler;
pub(crate) mod publisher;
pub(crate) mod relay;
pub(crate) mod source;
pub(crate) mod subject;
pub(crate) mod subscriber;

use std::{path::PathBuf, time::Duration};

use async_nats::{Client, ConnectOptions, Event, ServerAddr, connection::State, jetstream};
use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    metrics,
    workers::{About, Duty, Pauses, When, Worker},
};

/// Header of each message: the event's place in the log.
pub(crate) const POSITION: &str = "Daybook-Position";

/// How long JetStream may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a worker waits for the first connection before it says that there is none.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the connection is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const PAUSES: Pauses = Pauses::millis(100, 2_000);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The connection to NATS, for all of the process. `None` until the server was reached for the first
/// time; after that the client connects again by itself.
#[derive(Clone)]
pub(crate) struct Nats {
    client: watch::Sender<Option<Client>>,
}

/// Makes the connection, and looks after it.
pub(crate) struct Connection {
    pub nats: Nats,
    pub url: String,
    pub ca_file: Option<PathBuf>,
}

impl Nats {
    pub fn new() -> Self {
        Self { client: watch::Sender::new(None) }
    }

    /// Waits for the first connection, but not for ever.
    pub async fn jetstream(&self) -> Result<jetstream::Context, Failure> {
        let mut client = self.client.subscribe();
        let client = timeout(CONNECT_PATIENCE, client.wait_for(Option::is_some)).await;
        let client = client.map_err(|_| "NATS was not reached yet")?.expect("self holds the sender").clone();
        let client = client.expect("this was waited for");
        Ok(jetstream::ContextBuilder::new().timeout(ANSWER_TIMEOUT).ack_timeout(ANSWER_TIMEOUT).build(client))
    }
}

#[async_trait]
impl Worker for Connection {
    fn about(&self) -> About {
        let description = "Connects to NATS, for every worker of this process that needs it.";
        About::new("nats", description, When::every(LOOK_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let complain =
                |error: &_| tracing::error!(%error, "NATS is away; projections read the log instead");
            if rounds.attempt(self.look(duty), complain).await.is_some() {
                rounds.went_well();
                duty.or_over(sleep(LOOK_EVERY)).await;
            }
        }
    }
}

impl Connection {
    async fn look(&self, duty: &Duty) -> Result<(), Failure> {
        let known = self.nats.client.borrow().as_ref().map(Client::connection_state);
        metrics::NATS_CONNECTED.set((known == Some(State::Connected)).into());
        match known {
            Some(State::Connected) => {}
            // The client tries by itself.
            Some(_) => return Err("the connection is lost".into()),
            None => {
                let Some(connected) = duty.or_over(self.options().connect(&self.url)).await else {
                    return Ok(());
                };
                self.nats.client.send_replace(Some(connected?));
            }
        }
        Ok(())
    }

    /// The client takes no credentials from a URL, so it is told them apart.
    fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new()
            .name("daybook")
            .connection_timeout(Duration::from_secs(3))
            .ping_interval(Duration::from_secs(5))
            .reconnect_delay_callback(|tries| Duration::from_millis(100 * (tries as u64).clamp(1, 10)))
            .event_callback(|event| async move {
                if let Event::Connected = event {
                    metrics::NATS_CONNECTIONS.inc();
                }
                tracing::debug!(%event, "NATS");
            });
        if let Some(file) = &self.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        match credentials(&self.url) {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        }
    }
}

/// A user with a password, or a token in the place of a user.
fn credentials(url: &str) -> Option<(String, Option<String>)> {
    let url: ServerAddr = url.parse().ok()?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((plain(url.username()?), url.password().map(plain)))
}

#[cfg(test)]
mod tests {
    use super::credentials;

    /// Catches: a broker that asks for credentials and is told none.
    #[test]
    fn credentials_are_those_of_the_url() {
        let told = |url| credentials(url).map(|(user, password)| (user, password.unwrap_or("none".into())));
        let of = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(told("nats://daybook:secret@nats:4222"), of("daybook", "secret"));
        assert_eq!(told("tls://daybook:a%40b%2Fc@nats"), of("daybook", "a@b/c"));
        assert_eq!(told("nats://token@nats:4222"), of("token", "none"));
        assert_eq!(told("nats://nats:4222"), None);
    }
}
