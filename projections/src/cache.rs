//! Ready-made answers, by the rule "position first, then rows": an answer may be kept only if nothing
//! that it shows was touched behind the position at which it was read.
//!
//! An answer is kept for an audience, never for a caller: what it shows may depend on the audience, and two
//! audiences that ask for the same thing must not evict each other's answers.
//!
//! Touches arrive as notifications, in the order of commits. While no connection listens the cache is off.

mod kind;
#[cfg(test)]
mod tests;
mod touches;

use std::{
    any::Any,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use daybook_domain::Position;
use sqlx::PgExecutor;
use tokio::sync::watch;

pub use self::kind::Audience;
pub(crate) use self::kind::Kind;
use self::touches::Touches;
use crate::{metrics, notices::Keys, read_models::READ_MODELS};

pub(crate) struct Cache {
    entries: moka::sync::Cache<Key, Entry>,
    models: HashMap<&'static str, Model>,
}

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub kind: Kind,
    pub of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    /// One row, by its id.
    Item(String),
    /// Several rows, and the words of the query that say which ones; all of one group, if it asks for one.
    List { words: String, group: Option<String> },
}

/// An answer without its type, so that one cache keeps those of every read.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
struct Entry {
    value: Value,
    position: Position,
    epoch: u64,
    /// Size in memory, as the reader of the rows estimated it.
    bytes: usize,
}

struct Model {
    touches: Mutex<Touches>,
    /// Raised when every entry becomes invalid.
    epoch: AtomicU64,
    seen: watch::Sender<Seen>,
}

/// How far a read model is known to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// A connection listens, so `position` is current and the rest can be trusted.
    pub live: bool,
    /// The one that is served; 0 if there is none yet.
    pub generation: i32,
    /// All touches up to here have arrived, of every partition.
    pub position: Position,
}

/// A read model's generation in service, and the checkpoint of each of its partitions.
#[derive(Debug)]
pub(crate) struct Live {
    pub model: String,
    pub generation: i32,
    pub positions: Vec<Position>,
}

impl Live {
    pub async fn all(executor: impl PgExecutor<'_>) -> Result<Vec<Self>, sqlx::Error> {
        let rows: Vec<(String, i32, Vec<i64>)> = sqlx::query_as(
            "SELECT r.name, r.live_generation, array_agg(c.position ORDER BY c.partition) FROM read_models r
               JOIN checkpoints c ON c.name = r.name AND c.generation = r.live_generation
              GROUP BY r.name, r.live_generation",
        )
        .fetch_all(executor)
        .await?;
        let live = |(model, generation, positions): (_, _, Vec<i64>)| Self {
            model,
            generation,
            positions: positions.into_iter().map(Position).collect(),
        };
        Ok(rows.into_iter().map(live).collect())
    }
}

impl Key {
    pub fn text(&self) -> &str {
        match &self.of {
            Of::Item(text) | Of::List { words: text, .. } => text,
        }
    }
}

/// A read has one model, so the model's name adds nothing.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.read.hash(state);
        self.kind.audience.hash(state);
        self.of.hash(state);
    }
}

impl Cache {
    pub fn new(max_bytes: u64, ttl: Duration) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .time_to_live(ttl)
            .weigher(|key: &Key, entry: &Entry| {
                let bytes = 256 + key.text().len() + entry.bytes;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        let models = READ_MODELS.iter().map(|definition| (definition.name, Model::new())).collect();
        Self { entries, models }
    }

    fn model(&self, name: &str) -> &Model {
        self.models.get(name).expect("every read model of the list has its place in the cache")
    }

    pub fn seen(&self, model: &str) -> watch::Receiver<Seen> {
        self.model(model).seen.subscribe()
    }

    /// The answer, and the position up to which it is known to be current.
    pub fn get(&self, key: &Key) -> Option<(Value, Position)> {
        let model = self.model(key.kind.model);
        // Looked at first: touches up to this position have removed what they touched.
        let seen = *model.seen.borrow();
        let entry = seen.live.then(|| self.entries.get(key)).flatten().filter(|entry| {
            let is_current = match &key.of {
                Of::Item(_) => true,
                Of::List { group, .. } => model.touches().list_is_current(group.as_deref(), entry.position),
            };
            is_current && entry.epoch == model.epoch.load(Ordering::Acquire)
        });
        let counter = if entry.is_some() { &metrics::CACHE_HITS } else { &metrics::CACHE_MISSES };
        counter.with_label_values(&[key.kind.model]).inc();
        entry.map(|entry| (entry.value, seen.position.max(entry.position)))
    }

    /// The epoch to put an answer with. Ask for it before reading the rows.
    pub fn epoch(&self, model: &str) -> u64 {
        self.model(model).epoch.load(Ordering::Acquire)
    }

    /// Keeps an answer of about `bytes` that was read in `epoch` from `generation` at `position`, if it is
    /// still true.
    pub fn put(
        &self,
        key: Key,
        (epoch, generation, position): (u64, i32, Position),
        value: Value,
        bytes: usize,
    ) {
        let model = self.model(key.kind.model);
        // Held while inserting, so that no touch comes between the question and the answer.
        let mut touches = model.touches();
        let seen = *model.seen.borrow();
        let current = match &key.of {
            Of::Item(id) => touches.item_is_current(id, position),
            Of::List { group, .. } => touches.list_is_current(group.as_deref(), position),
        };
        let same_epoch = epoch == model.epoch.load(Ordering::Acquire);
        if seen.live && seen.generation == generation && same_epoch && current {
            if matches!(key.of, Of::Item(_)) && !touches.kinds.contains(&key.kind) {
                touches.kinds.push(key.kind);
            }
            self.entries.insert(key, Entry { value, position, epoch, bytes });
        }
        drop(touches);
    }

    pub fn touched(
        &self,
        model: &str,
        generation: i32,
        (partition, position): (usize, Position),
        keys: Keys,
        groups: Option<Vec<String>>,
    ) {
        let Some(model) = self.models.get(model) else { return };
        if model.seen.borrow().generation != generation {
            return;
        }
        let mut touches = model.touches();
        match keys {
            Keys::These(keys) => {
                if !keys.is_empty() {
                    touches.add_groups(groups, position);
                }
                for id in keys {
                    touches.add(id.clone(), position);
                    self.forget_item(id, &touches.kinds);
                }
            }
            Keys::Any => {
                touches.any(position);
                model.epoch.fetch_add(1, Ordering::AcqRel);
            }
        }
        if let Some(reached) = touches.reached.get_mut(partition) {
            *reached = position.max(*reached);
        }
        let reached = touches.reached();
        drop(touches);
        model.seen.send_modify(|seen| seen.position = seen.position.max(reached));
    }

    /// Removes what is kept about one row, for every audience.
    fn forget_item(&self, id: String, kinds: &[Kind]) {
        let Some(first) = kinds.first() else { return };
        let mut key = Key { kind: *first, of: Of::Item(id) };
        for kind in kinds {
            key.kind = *kind;
            self.entries.invalidate(&key);
        }
    }

    /// Another generation is served now.
    pub fn live(&self, live: Live) {
        let Some(model) = self.models.get(live.model.as_str()) else { return };
        let mut touches = model.touches();
        *touches = Touches::from(live.positions);
        let position = touches.reached();
        model.epoch.fetch_add(1, Ordering::AcqRel);
        drop(touches);
        model.seen.send_replace(Seen { live: true, generation: live.generation, position });
    }

    /// A connection listens, and `lives` is what is served now. A model that is not named has no table yet.
    pub fn enable(&self, mut lives: Vec<Live>) {
        for name in self.models.keys() {
            let at = lives.iter().position(|live| live.model == *name);
            let none = || Live { model: (*name).to_owned(), generation: 0, positions: vec![] };
            self.live(at.map_or_else(none, |at| lives.swap_remove(at)));
        }
    }

    /// No connection listens: nothing can be kept, and nothing that was kept can be trusted.
    pub fn disable(&self) {
        for model in self.models.values() {
            model.seen.send_modify(|seen| seen.live = false);
        }
        self.forget_all();
    }

    pub fn forget_all(&self) {
        for model in self.models.values() {
            let mut touches = model.touches();
            touches.any(Position::START);
            model.epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.entries.invalidate_all();
    }

    pub fn measure(&self) {
        metrics::CACHE_ENTRIES.set(i64::try_from(self.entries.entry_count()).unwrap_or(i64::MAX));
        metrics::CACHE_BYTES.set(i64::try_from(self.entries.weighted_size()).unwrap_or(i64::MAX));
    }
}

impl Model {
    fn new() -> Self {
        Self {
            touches: Mutex::default(),
            epoch: AtomicU64::new(0),
            seen: watch::Sender::new(Seen::default()),
        }
    }

    fn touches(&self) -> MutexGuard<'_, Touches> {
        self.touches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
