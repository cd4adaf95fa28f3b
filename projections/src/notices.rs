//! What processes tell each other through the database: channels, and what is said in them.

use daybook_domain::Position;
pub(crate) use daybook_migrations::OPERATORS;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;

pub(crate) const LOG: &str = "daybook_log";
pub(crate) const READ: &str = "daybook_read";
pub(crate) const EFFECTS: &str = "daybook_effects";

/// PostgreSQL takes payloads below 8,000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7_900;

/// What [`READ`] carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// A partition came as far as `position` and changed the rows of `keys`, which are of these groups. Without groups,
    /// they may be of any: there are too many, or another release doesn't tell.
    Touched {
        model: String,
        generation: i32,
        partition: usize,
        position: Position,
        keys: Keys,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups: Option<Vec<String>>,
    },
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
    /// The notice as it is sent, with the keys if they fit, and with the groups if they fit, too.
    pub fn payload(mut self) -> String {
        loop {
            let text = serde_json::to_string(&self).expect("a notice serializes");
            match &mut self {
                Self::Touched { groups: groups @ Some(_), .. } if text.len() > MAX_PAYLOAD_BYTES => {
                    *groups = None;
                }
                Self::Touched { keys: keys @ Keys::These(_), .. } if text.len() > MAX_PAYLOAD_BYTES => {
                    *keys = Keys::Any;
                }
                _ => return text,
            }
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

    fn sent(keys: usize, groups: usize) -> String {
        let notice = Notice::Touched {
            model: "orders".into(),
            generation: 1,
            partition: 0,
            position: Position(7),
            keys: Keys::These((0..keys).map(|n| format!("order-{n}")).collect()),
            groups: Some((0..groups).map(|n| format!("customer-{n}")).collect()),
        };
        notice.payload()
    }

    #[test]
    fn too_many_keys_become_any() {
        let payload = sent(2_000, 1);
        assert!(payload.len() < 8_000);
        assert!(matches!(
            serde_json::from_str(&payload),
            Ok(Notice::Touched { position: Position(7), keys: Keys::Any, groups: None, .. })
        ));
    }

    #[test]
    fn groups_are_left_out_before_keys_are() {
        let payload = sent(300, 300);
        assert!(payload.len() < 8_000);
        let Ok(Notice::Touched { keys: Keys::These(keys), groups: None, .. }) =
            serde_json::from_str(&payload)
        else {
            panic!("{payload}")
        };
        assert_eq!(keys.len(), 300);
        assert!(sent(300, 2).contains(r#""groups":["customer-0","customer-1"]"#));
    }

    /// As release 0.1 sends it.
    #[test]
    fn a_notice_without_groups_is_read() {
        let sent = r#"{"what":"touched","model":"orders","generation":1,"partition":0,"position":7,"keys":{"these":["a"]}}"#;
        assert!(matches!(serde_json::from_str(sent), Ok(Notice::Touched { groups: None, .. })));
    }
}
