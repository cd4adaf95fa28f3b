//! An observer that looks at the statuses of projections all the time, and compares them with what it sees.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use daybook_tests::Client;
use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// For so long something may stand still behind the head and be called running.
const RUNNING_S: u64 = 5;
/// After so long it must be called stalled.
const STALLED_S: u64 = 9;
/// What has moved so lately isn't stalled.
const LATELY_S: u64 = 4;

pub struct Watch {
    eye: JoinSet<Vec<String>>,
    enough: Arc<AtomicBool>,
}

/// One projection, or one partition of it, as it was seen.
struct Seen {
    position: i64,
    /// Since when it has stood there though there was something to apply.
    since: Instant,
}

impl Watch {
    /// Through the eyes of an operator, at a server that the faults leave alone.
    pub fn start(operator: Client) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let mut eye = JoinSet::new();
        let over = Arc::clone(&enough);
        eye.spawn(async move {
            let (mut seen, mut lies) = (HashMap::new(), Vec::new());
            while !over.load(Ordering::Relaxed) {
                let request = operator.request(Method::GET, "/admin/projections");
                if let Ok(reply) = operator.try_send(request).await
                    && reply.status == 200
                {
                    for projection in reply.json().as_array().unwrap() {
                        lies.extend(look(&mut seen, projection));
                    }
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            lies
        });
        Self { eye, enough }
    }

    /// Panics if a status was not true at some time.
    pub async fn end(mut self) {
        self.enough.store(true, Ordering::Relaxed);
        let lies = self.eye.join_next().await.unwrap().unwrap();
        assert!(lies.is_empty(), "{} lies, such as {}", lies.len(), lies[0]);
    }
}

/// What is not true of it. Its partitions go on one by one, so each is looked at by itself: the lowest position is
/// now that of one, now that of another.
fn look(seen: &mut HashMap<(String, i64), Seen>, projection: &Value) -> Vec<String> {
    let name = projection["name"].as_str().unwrap();
    match projection["partitions"].as_array() {
        None => look_at(seen.entry((name.to_owned(), 0)), projection).into_iter().collect(),
        Some(partitions) => {
            let each = partitions.iter().filter_map(|one| {
                let key = (name.to_owned(), one["partition"].as_i64().unwrap());
                look_at(seen.entry(key), one).map(|lie| format!("{lie}, of {name}"))
            });
            each.collect()
        }
    }
}

fn look_at(seen: Entry<'_, (String, i64), Seen>, one: &Value) -> Option<String> {
    let now = Instant::now();
    let (position, status) = (one["position"].as_i64().unwrap(), one["status"].as_str().unwrap());
    let last = seen.or_insert(Seen { position, since: now });
    if last.position != position || one["lag_events"] == 0 {
        *last = Seen { position, since: now };
    }
    let stands_s = now.duration_since(last.since).as_secs();
    let is_lie = match status {
        "running" => stands_s >= RUNNING_S,
        "catching_up" => stands_s >= STALLED_S,
        "stalled" => stands_s < LATELY_S,
        _ => false,
    };
    is_lie.then(|| format!("{one}, which has stood there for {stands_s} s"))
}
