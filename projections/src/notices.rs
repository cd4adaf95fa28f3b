//! What processes tell each other through the database: channels, and what is said in them.

use daybook_domain::Position;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;

pub(crate) const LOG: &str = "daybook_log";
pub(crate) const READ: &str = "daybook_read";
pub(crate) const EFFECTS: &str = "daybook_effects";
pub(crate) const OPERATORS: &str = "daybook_operators";

/// PostgreSQL takes payloads below 8,000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7_900;

/// What [`READ`] carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// A partition came as far as `position` and changed the rows of `keys`.
    Touched { model: String, generation: i32, partition: usize, position: Position, keys: Keys },
    /// This generation is served from now on, and its partitions are there.
    Live { model: String, generation: i32, positions: Vec<Position> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keys {
    These(Vec<String>),
    /// Too many to be named.
    Any,
}

impl Notice {
    /// The notice as it is sent, with the keys if they fit.
    pub fn payload(self) -> String {
        let text = serde_json::to_string(&self).expect("a notice serializes");
        match self {
            Self::Touched { model, generation, partition, position, keys: Keys::These(_) }
                if text.len() > MAX_PAYLOAD_BYTES =>
            {
                Self::Touched { model, generation, partition, position, keys: Keys::Any }.payload()
            }
            _ => text,
        }
    }
}

/// Sends a notification that belongs to no transaction: it has nothing to flush, so it holds up no other.
pub(crate) async fn notify(
    executor: impl PgExecutor<'_>,
    channel: &str,
    payload: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(payload).execute(executor).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_keys_become_any() {
        let keys = (0..2_000).map(|n| format!("SKU-{n}")).collect();
        let notice = Notice::Touched {
            model: "stock".into(),
            generation: 1,
            partition: 0,
            position: Position(7),
            keys: Keys::These(keys),
        };
        let payload = notice.payload();
        assert!(payload.len() < 8_000);
        assert!(matches!(
            serde_json::from_str(&payload),
            Ok(Notice::Touched { position: Position(7), keys: Keys::Any, .. })
        ));
    }
}
