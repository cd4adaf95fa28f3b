//! Ready-made answers, by the rule "position first, then rows": an answer may be kept only if nothing
//! that it shows was touched behind the position at which it was read.
//!
//! An answer is kept for an audience, never for a caller: what it shows may depend on the audience, and two
//! audiences that ask for the same thing must not evict each other's answers.
//!
//! Touches arrive as notifications, in the order of commits. While no connection listens the cache is off.

mod kind;
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

#[cfg(test)]
mod tests {
    use super::{touches::MAX_TOUCHES, *};

    const KIND: Kind = Kind { model: "orders", read: "order.by_id", audience: Audience::Staff };

    fn item(id: &str) -> Key {
        Key { kind: KIND, of: Of::Item(id.into()) }
    }

    fn for_its_owner(id: &str) -> Key {
        Key { kind: Kind { audience: Audience::Owner, ..KIND }, of: Of::Item(id.into()) }
    }

    fn first_page() -> Key {
        page_of(None)
    }

    fn page_of(group: Option<&str>) -> Key {
        let of = Of::List { words: format!("first of {group:?}"), group: group.map(str::to_owned) };
        Key { kind: Kind { read: "order.page", ..KIND }, of }
    }

    fn cache_at(position: i64) -> Cache {
        let cache = Cache::new(1 << 20, Duration::from_secs(60));
        cache.enable(vec![live([position])]);
        cache
    }

    fn live<const N: usize>(positions: [i64; N]) -> Live {
        Live { model: "orders".into(), generation: 1, positions: positions.map(Position).into() }
    }

    fn put(cache: &Cache, key: Key, generation: i32, position: i64) {
        let epoch = cache.epoch("orders");
        cache.put(key, (epoch, generation, Position(position)), Arc::new("an answer"), 9);
    }

    fn touch(cache: &Cache, id: &str, position: i64) {
        touch_of(cache, id, None, position);
    }

    fn touch_of(cache: &Cache, id: &str, groups: Option<&[&str]>, position: i64) {
        let groups = groups.map(|groups| groups.iter().map(ToString::to_string).collect());
        cache.touched("orders", 1, (0, Position(position)), Keys::These(vec![id.into()]), groups);
    }

    #[test]
    fn an_answer_that_was_read_before_a_touch_is_not_kept() {
        let cache = cache_at(10);
        touch(&cache, "a", 12);
        put(&cache, item("a"), 1, 11);
        assert!(cache.get(&item("a")).is_none());
        put(&cache, item("a"), 1, 12);
        assert_eq!(cache.get(&item("a")).expect("kept").1, Position(12));
    }

    #[test]
    fn a_touch_removes_the_row_and_moves_the_others_forward() {
        let cache = cache_at(10);
        put(&cache, item("a"), 1, 10);
        put(&cache, item("b"), 1, 10);
        touch(&cache, "a", 11);
        assert!(cache.get(&item("a")).is_none());
        assert_eq!(cache.get(&item("b")).expect("kept").1, Position(11));
    }

    #[test]
    fn a_list_lives_until_any_row_is_touched() {
        let cache = cache_at(10);
        let page = first_page();
        put(&cache, page.clone(), 1, 10);
        cache.touched("orders", 1, (0, Position(11)), Keys::These(vec![]), None);
        assert!(cache.get(&page).is_some());
        touch(&cache, "z", 12);
        assert!(cache.get(&page).is_none());
    }

    #[test]
    fn a_list_of_a_group_lives_until_a_row_of_the_group_is_touched() {
        let cache = cache_at(10);
        let (alices, bobs) = (page_of(Some("alice")), page_of(Some("bob")));
        for page in [&alices, &bobs, &first_page()] {
            put(&cache, page.clone(), 1, 10);
        }
        touch_of(&cache, "a", Some(&["alice"]), 11);
        assert!(cache.get(&alices).is_none() && cache.get(&first_page()).is_none());
        assert_eq!(cache.get(&bobs).expect("kept").1, Position(11));
        put(&cache, alices.clone(), 1, 10);
        assert!(cache.get(&alices).is_none(), "it was read before the touch");
        put(&cache, alices.clone(), 1, 11);
        // A row that is of no group.
        touch_of(&cache, "g", Some(&[]), 12);
        assert!(cache.get(&alices).is_some() && cache.get(&bobs).is_some());
        // It is not told of which groups the row is.
        touch_of(&cache, "x", None, 13);
        assert!(cache.get(&alices).is_none() && cache.get(&bobs).is_none());
        put(&cache, bobs.clone(), 1, 13);
        cache.touched("orders", 1, (0, Position(14)), Keys::Any, None);
        assert!(cache.get(&bobs).is_none());
        put(&cache, bobs.clone(), 1, 13);
        assert!(cache.get(&bobs).is_none());
    }

    #[test]
    fn a_partition_that_is_behind_does_not_bring_a_group_back() {
        let cache = cache_at(10);
        cache.live(live([10, 10]));
        let alices = page_of(Some("alice"));
        for (partition, position) in [(1, 14), (0, 12)] {
            let (keys, groups) = (Keys::These(vec![format!("order {position}")]), Some(vec!["alice".into()]));
            cache.touched("orders", 1, (partition, Position(position)), keys, groups);
        }
        put(&cache, alices.clone(), 1, 13);
        assert!(cache.get(&alices).is_none());
        put(&cache, alices.clone(), 1, 14);
        assert!(cache.get(&alices).is_some());
    }

    #[test]
    fn a_group_that_was_forgotten_counts_as_touched() {
        let cache = cache_at(0);
        let (alices, last) = (page_of(Some("alice")), i64::try_from(MAX_TOUCHES).expect("small") + 5);
        put(&cache, alices.clone(), 1, 4);
        for n in 1..=last {
            touch_of(&cache, "a", Some(&[&format!("customer {n}")]), n);
        }
        assert!(cache.get(&alices).is_none());
        put(&cache, alices.clone(), 1, 5);
        assert_eq!(cache.get(&alices).expect("kept").1, Position(last));
    }

    #[test]
    fn what_was_forgotten_counts_as_touched() {
        let cache = cache_at(0);
        for n in 1..=i64::try_from(MAX_TOUCHES).expect("small") + 5 {
            touch(&cache, &format!("k{n}"), n);
        }
        put(&cache, item("other"), 1, 4);
        assert!(cache.get(&item("other")).is_none());
        put(&cache, item("other"), 1, 5);
        assert!(cache.get(&item("other")).is_some());
    }

    #[test]
    fn a_lost_listener_empties_the_cache_and_keeps_it_off() {
        let cache = cache_at(10);
        put(&cache, item("a"), 1, 10);
        cache.disable();
        put(&cache, item("b"), 1, 10);
        assert!(cache.get(&item("a")).is_none());
        cache.enable(vec![live([11])]);
        assert!(cache.get(&item("a")).is_none());
        assert!(cache.get(&item("b")).is_none());
    }

    #[test]
    fn a_position_is_reached_when_every_partition_has_reached_it() {
        let cache = cache_at(10);
        cache.live(live([10, 12]));
        let seen = || cache.seen("orders").borrow().position;
        assert_eq!(seen(), Position(10));
        cache.touched("orders", 1, (1, Position(14)), Keys::These(vec!["b".into()]), None);
        // What shows b at 14 was read when the other partition was at 10.
        put(&cache, first_page(), 1, 10);
        put(&cache, item("b"), 1, 10);
        assert!(cache.get(&first_page()).is_none());
        assert!(cache.get(&item("b")).is_none());
        assert_eq!(seen(), Position(10));
        cache.touched("orders", 1, (0, Position(14)), Keys::These(vec![]), None);
        assert_eq!(seen(), Position(14));
        put(&cache, item("b"), 1, 14);
        assert!(cache.get(&item("b")).is_some());
    }

    #[test]
    fn an_answer_of_another_generation_is_not_given() {
        let cache = cache_at(10);
        put(&cache, item("a"), 2, 10);
        assert!(cache.get(&item("a")).is_none());
    }

    #[test]
    fn audiences_keep_their_own_answers_until_the_row_is_touched() {
        let cache = cache_at(10);
        put(&cache, item("a"), 1, 10);
        put(&cache, for_its_owner("a"), 1, 10);
        put(&cache, for_its_owner("b"), 1, 10);
        assert!(cache.get(&item("a")).is_some() && cache.get(&for_its_owner("a")).is_some());
        assert!(cache.get(&item("b")).is_none());
        touch(&cache, "a", 11);
        assert!(cache.get(&item("a")).is_none() && cache.get(&for_its_owner("a")).is_none());
        assert!(cache.get(&for_its_owner("b")).is_some());
    }
}
