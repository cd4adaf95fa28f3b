//! An observer that looks at the statuses of projections all the time, and compares them with what it sees.

use std::{
    collections::HashMap,
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

/// One projection, as it was seen.
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
                    for one in reply.json().as_array().unwrap() {
                        lies.extend(look(&mut seen, one));
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

/// What is not true of it.
fn look(seen: &mut HashMap<String, Seen>, one: &Value) -> Option<String> {
    let (now, name) = (Instant::now(), one["name"].as_str().unwrap().to_owned());
    let (position, status) = (one["position"].as_i64().unwrap(), one["status"].as_str().unwrap());
    let last = seen.entry(name).or_insert(Seen { position, since: now });
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
