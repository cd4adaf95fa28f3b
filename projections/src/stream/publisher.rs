//! The stream that other systems follow: public events, from the beginning of the log on.
//!
//! Where it goes on is said by the stream's last message, as long as there is one. Its checkpoint, which is
//! moved behind each page that the server has, says it of a stream whose messages are all too old.

use std::time::Duration;

use async_trait::async_trait;
use daybook_domain::{Position, Record, published::publish};
use sqlx::PgPool;

use super::{
    Failure,
    carrier::{Bounds, Cargo, End, Ending, Message, Meters, Resume},
    subject::{self, Room},
};
use crate::{
    background::Background,
    checkpoint::{Checkpoint, Consumer},
    metrics,
    partition::Partition,
    session::Session,
    settings::Settings,
    timeout::with_timeout,
};

pub const NAME: &str = "publisher";

/// Half of what a server takes unless it is told otherwise. An event that is larger is announced without
/// its body, and can be read over HTTP.
const MAX_BODY_BYTES: usize = 512 << 10;

const CONSUMER: Consumer = Consumer { name: NAME, generation: 0, partition: Partition::WHOLE };

#[derive(Default)]
pub(crate) struct Publisher {
    session: Session,
}

#[async_trait]
impl Cargo for Publisher {
    const DESCRIPTION: &'static str =
        "Publishes public events to the JetStream stream that other systems follow.";

    fn name(&self) -> &'static str {
        NAME
    }

    fn meters(&self) -> Meters {
        Meters {
            up: &metrics::PUBLISHER_UP,
            position: &metrics::PUBLISHER_POSITION,
            lag: &metrics::PUBLISHER_LAG,
            published: &metrics::PUBLISHER_PUBLISHED,
            failures: &metrics::PUBLISHER_FAILURES,
        }
    }

    fn stream(&self, settings: &Settings) -> Bounds {
        Bounds {
            name: settings.public_stream_name(),
            subjects: subject::all(&settings.stream.subject_prefix, Room::Public),
            max_age: settings.public_stream.max_age,
            max_size: settings.public_stream.max_size,
        }
    }

    fn message(&self, settings: &Settings, record: &Record) -> Result<Message, Failure> {
        let event = publish(record);
        let kind = &record.aggregate_type;
        let subject = subject::subject(&settings.stream.subject_prefix, Room::Public, kind, event.r#type);
        Ok(Message { subject, body: event.to_json() })
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    /// A new stream begins with the first event. One that has had events goes on behind the last one, also
    /// if others have written to it; one of another history begins anew, because it can't be known how much
    /// of it is true.
    async fn resume(&self, background: &Background, ending: Ending) -> Result<Resume, Failure> {
        let pool = &background.pool;
        let begin = |purge| Resume { after: Position::START, purge };
        if ending == Ending::New {
            return Ok(begin(false));
        }
        let Some(checkpoint) = with_timeout(CONSUMER.read(pool)).await? else { return Ok(begin(true)) };
        let is_ours = with_timeout(CONSUMER.shares_history(pool, &checkpoint)).await?;
        if ending == Ending::OtherHistory || !is_ours {
            return Ok(begin(true));
        }
        Ok(Resume { after: checkpoint.at.position, purge: false })
    }

    fn checkpoint_interval(&self) -> Duration {
        Duration::ZERO
    }

    async fn reach(&self, background: &Background, from: Option<End>, to: End) -> Result<(), Failure> {
        let Some(from) = from else { return begin(&background.pool, to).await };
        let (true, Some(event_id)) = (to.position > from.position, to.event_id) else { return Ok(()) };
        let mut connection = self.session.take(&background.relaxed).await?;
        let moved = CONSUMER.advance(&mut connection, from.position, to.position, event_id).await?;
        self.session.give_back(connection);
        if moved { Ok(()) } else { Err("its checkpoint was moved by another process".into()) }
    }
}

/// Puts the checkpoint where the stream ends, unless it moves meanwhile.
async fn begin(pool: &PgPool, at: End) -> Result<(), Failure> {
    sqlx::query("INSERT INTO checkpoints (name, generation) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind(NAME)
        .execute(pool)
        .await?;
    let found: Option<Checkpoint> = CONSUMER.read(pool).await?;
    let found = found.ok_or("its checkpoint was deleted")?.at.position;
    if found == at.position {
        return Ok(());
    }
    let put = sqlx::query(
        "UPDATE checkpoints SET position = $3, updated_at = clock_timestamp(),
                event_id = (SELECT event_id FROM events WHERE position = $3)
          WHERE name = $1 AND generation = 0 AND position = $2",
    )
    .bind(NAME)
    .bind(found.0)
    .bind(at.position.0)
    .execute(pool)
    .await?;
    if put.rows_affected() == 1 { Ok(()) } else { Err("its checkpoint was moved by another process".into()) }
}
