//! The stream that consumers of this installation follow: records, as they are stored.

use std::time::Duration;

use async_trait::async_trait;
use daybook_domain::Record;

use super::{
    Failure,
    carrier::{Bounds, Cargo, End, Ending, Message, Meters, Resume},
    subject::{self, Room},
};
use crate::{background::Background, log, metrics, settings::Settings, timeout::with_timeout};

pub const NAME: &str = "relay";

/// A larger body is read from the log. That keeps messages below the server's limit, and bounds the memory
/// of the processes that receive them.
const MAX_BODY_BYTES: usize = 64 << 10;
/// How often the relay's position is written down for operators.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Relay;

#[async_trait]
impl Cargo for Relay {
    const DESCRIPTION: &'static str =
        "Publishes every event of the log to JetStream, for the workers of all processes.";

    fn name(&self) -> &'static str {
        NAME
    }

    fn meters(&self) -> Meters {
        Meters {
            up: &metrics::RELAY_UP,
            position: &metrics::RELAY_POSITION,
            lag: &metrics::RELAY_LAG,
            published: &metrics::RELAY_PUBLISHED,
            failures: &metrics::RELAY_FAILURES,
        }
    }

    fn stream(&self, settings: &Settings) -> Bounds {
        Bounds {
            name: settings.stream.name.clone(),
            subjects: subject::all(&settings.stream.subject_prefix, Room::Records),
            max_age: settings.stream.max_age,
            max_size: settings.stream.max_size,
        }
    }

    fn message(&self, settings: &Settings, record: &Record) -> Result<Message, Failure> {
        let Record { aggregate_type, event_type, .. } = record;
        let subject =
            subject::subject(&settings.stream.subject_prefix, Room::Records, aggregate_type, event_type);
        Ok(Message { subject, body: serde_json::to_vec(record)? })
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    /// At the head of the log: what came before is read there. A stream of another history is emptied.
    async fn resume(&self, background: &Background, ending: Ending) -> Result<Resume, Failure> {
        let purge = matches!(ending, Ending::Foreign | Ending::OtherHistory);
        Ok(Resume { after: with_timeout(log::head(&background.pool)).await?, purge })
    }

    fn checkpoint_interval(&self) -> Duration {
        REPORT_INTERVAL
    }

    /// This is for operators only: the stream itself says where the relay goes on.
    async fn reach(&self, background: &Background, _: Option<End>, to: End) -> Result<(), Failure> {
        sqlx::query(
            "INSERT INTO checkpoints (name, generation, position) VALUES ($1, 0, $2)
             ON CONFLICT (name, generation, partition)
             DO UPDATE SET position = excluded.position, updated_at = clock_timestamp()
             WHERE checkpoints.position <> excluded.position",
        )
        .bind(NAME)
        .bind(to.position.0)
        .execute(&background.pool)
        .await?;
        Ok(())
    }
}
