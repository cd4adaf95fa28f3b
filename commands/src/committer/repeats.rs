//! Finds repeats before they are decided: commands whose idempotency key has an answer already.
//!
//! The append finds every such key, under the lock, and that is what makes a key certain. But then its whole batch is
//! decided again. So a key that may well have an answer is looked up first, while other commands go on, and a repeat
//! never comes into a batch. To look every key up would cost a statement for what is new nearly always. These are
//! looked up: the keys that this process has seen answered, as far back as it remembers; the keys of commands that wait
//! for streams, as they wait anyway; and every key for a while after a repeat that none of these has found.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    time::Duration,
};

use daybook_domain::Position;
use futures::{FutureExt, future::BoxFuture};
use lru::LruCache;
use sqlx::{PgExecutor, PgPool, Row};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    submission::{KeyId, Submission},
    verdict::{Accepted, Accounted, Ending},
};
use crate::{
    codes::CommandCode,
    error::{CommandError, Failure, Refusal},
    metrics,
    receipt::{Key, Receipt},
};

/// Keys that are remembered. Each takes about 60 bytes.
const REMEMBERED_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).expect("more than 0");
/// How many keys are looked up, whichever they are, after a repeat that was not expected.
const KEYS_AFTER_SURPRISE: u32 = 1_000;
/// How long a look-up may hold commands up. Then they are decided without it, and the append will tell.
const LOOK_UP_TIMEOUT: Duration = Duration::from_millis(250);

/// What was answered under which keys.
pub type Answers = HashMap<KeyId, StoredAnswer>;

/// Knows which commands may be repeats, and looks their keys up: one look-up at a time, of all that wait for one.
pub struct Repeats {
    hasher: RandomState,
    /// Hashes of keys that were answered. If two keys share one, a new key is looked up needlessly.
    answered: LruCache<u64, ()>,
    /// So many more keys are looked up, whichever they are.
    wary_for: u32,
    next: Vec<Submission>,
    /// These wait for the look-up under way; none do any more if it takes too long.
    asked: Vec<Submission>,
    under_way: Option<LookUp>,
}

struct LookUp {
    answers: BoxFuture<'static, Answers>,
    /// When commands stop waiting for it.
    until: Instant,
}

/// What was answered to the first request with a key.
pub struct StoredAnswer {
    fingerprint: Vec<u8>,
    receipt: String,
    position: i64,
}

impl Repeats {
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            answered: LruCache::new(REMEMBERED_KEYS),
            wary_for: 0,
            next: Vec::new(),
            asked: Vec::new(),
            under_way: None,
        }
    }

    /// Whether a key is to be looked up before its command is decided.
    pub fn may_include(&mut self, submission: &Submission) -> bool {
        let Some(key) = submission.key.as_ref().filter(|_| self.can_include(submission)) else {
            return false;
        };
        let is_wary = self.wary_for > 0;
        self.wary_for = self.wary_for.saturating_sub(1);
        is_wary || self.answered.contains(&self.hash(key))
    }

    /// Whether a key can be looked up, and was not. While a look-up takes too long, no other one is waited for.
    pub fn can_include(&self, submission: &Submission) -> bool {
        let is_late = self.under_way.is_some() && self.asked.is_empty();
        submission.key.is_some() && !submission.is_looked_up && !is_late
    }

    /// Takes a command whose key is to be looked up.
    pub fn add(&mut self, submission: Submission) {
        self.next.push(submission);
    }

    pub fn is_done(&self) -> bool {
        self.next.is_empty() && self.asked.is_empty()
    }

    /// `limit` is for the statement, which may take longer than any command waits for it.
    pub fn start(&mut self, pool: &PgPool, limit: Duration) {
        if self.under_way.is_none() && !self.next.is_empty() {
            self.asked = std::mem::take(&mut self.next);
            let keys = self.asked.iter().filter_map(Submission::key_id).collect();
            let answers = look_up(pool.clone(), keys, limit).boxed();
            self.under_way = Some(LookUp { answers, until: Instant::now() + LOOK_UP_TIMEOUT });
        }
    }

    /// Commands whose keys were looked up, or that have waited for that too long, and the answers to those that are
    /// repeats. Never, if there is no look-up under way.
    pub async fn looked_up(&mut self) -> Vec<(Submission, Option<Ending>)> {
        let Some(LookUp { answers, until }) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let answers =
            if self.asked.is_empty() { Some(answers.await) } else { timeout_at(*until, answers).await.ok() };
        if answers.is_some() {
            self.under_way = None;
        } else {
            self.asked.append(&mut self.next);
            tracing::warn!(commands = self.asked.len(), "looking idempotency keys up takes too long");
        }
        let answers = answers.unwrap_or_default();
        let with_answer = |mut submission: Submission| {
            submission.is_looked_up = true;
            let answer = submission.answered_before(&answers);
            (submission, answer)
        };
        std::mem::take(&mut self.asked).into_iter().map(with_answer).collect()
    }

    /// A command with this key is answered.
    pub fn take_note(&mut self, key: &Key, answer: &Ending) {
        let is_repeat = match answer {
            Ok(accepted) => matches!(accepted.outcome, Accounted::Stored(_)),
            Err(CommandError::Refused(refusal)) if refusal.code == CommandCode::KeyReused.code() => true,
            Err(_) => return,
        };
        let was_known = self.answered.put(self.hash(key), ()).is_some();
        if is_repeat && !was_known {
            self.wary_for = KEYS_AFTER_SURPRISE;
        }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.hasher.hash_one((&key.scope, &key.key))
    }
}

/// Looks keys up outside of any transaction. If that fails they count as new, and the append will tell.
async fn look_up(pool: PgPool, keys: Vec<KeyId>, limit: Duration) -> Answers {
    let answers = match timeout(limit, load_keys(&pool, &keys)).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => {
            tracing::warn!(%error, keys = keys.len(), "idempotency keys could not be looked up");
            Answers::new()
        }
        // That it takes long was said.
        Err(_) => Answers::new(),
    };
    metrics::KEYS_LOOKED_UP.inc_by(keys.len() as u64);
    answers
}

/// The answers under the keys $2 of the callers $1.
///
/// LIMIT keeps the planner from making a join of this. It would read the whole table for that while there are few keys,
/// and its plan is kept with the connection when there are many.
pub const ANSWERS: &str = "
    SELECT k.scope, k.key, k.fingerprint, k.receipt, k.position
      FROM unnest($1::text[], $2::text[]) AS w(scope, key)
      JOIN LATERAL (
           SELECT * FROM idempotency_keys k WHERE k.scope = w.scope AND k.key = w.key LIMIT 1) k ON true";

/// The idempotency keys among `keys` that were answered already.
pub async fn load_keys(executor: impl PgExecutor<'_>, keys: &[KeyId]) -> Result<Answers, sqlx::Error> {
    if keys.is_empty() {
        return Ok(Answers::new());
    }
    let (scopes, names): (Vec<&str>, Vec<&str>) =
        keys.iter().map(|(scope, key)| (scope.as_str(), key.as_str())).unzip();
    let rows = sqlx::query(ANSWERS).bind(&scopes).bind(&names).fetch_all(executor).await?;
    rows.into_iter()
        .map(|row| {
            let id = (row.try_get("scope")?, row.try_get("key")?);
            let answer = StoredAnswer {
                fingerprint: row.try_get("fingerprint")?,
                receipt: row.try_get("receipt")?,
                position: row.try_get("position")?,
            };
            Ok((id, answer))
        })
        .collect()
}

impl Submission {
    /// The answer to the first request with its key, if that is among these.
    pub fn answered_before(&self, answers: &Answers) -> Option<Ending> {
        let stored = answers.get(&self.key_id()?)?;
        self.key.as_ref().map(|key| stored.answer(key))
    }
}

impl StoredAnswer {
    fn answer(&self, key: &Key) -> Ending {
        let receipt: Receipt = serde_json::from_str(&self.receipt).map_err(|error| {
            tracing::error!(%error, "a stored receipt can't be read");
            Failure::Internal
        })?;
        if !key.is_of(&receipt, &self.fingerprint) {
            return Err(Refusal::key_reused().into());
        }
        Ok(Accepted { outcome: Accounted::Stored(receipt.body), position: Position(self.position) })
    }
}
