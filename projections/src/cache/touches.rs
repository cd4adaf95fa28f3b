//! Which rows of a read model were touched lately, and how far its partitions are.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use daybook_domain::Position;

use super::kind::Kind;

/// How many touched keys of a read model are remembered.
pub(super) const MAX_TOUCHES: usize = 65_536;

/// The latest touches, and from where on they are all known.
#[derive(Debug, Default)]
pub(super) struct Touches {
    /// How far each partition is.
    pub reached: Vec<Position>,
    by_key: HashMap<String, Position>,
    in_order: VecDeque<(Position, String)>,
    newest: Position,
    /// Touches up to here may have been forgotten.
    pub forgotten: Position,
    /// The kinds of which answers about one row may be kept: few, since reads and audiences are few.
    /// Whenever this is emptied, a new epoch begins.
    pub kinds: Vec<Kind>,
}

impl Touches {
    pub fn add(&mut self, key: String, position: Position) {
        self.newest = self.newest.max(position);
        self.by_key.insert(key.clone(), position);
        self.in_order.push_back((position, key));
        while self.in_order.len() > MAX_TOUCHES {
            let Some((position, key)) = self.in_order.pop_front() else { break };
            self.forgotten = self.forgotten.max(position);
            if self.by_key.get(&key) == Some(&position) {
                self.by_key.remove(&key);
            }
        }
    }

    /// The touches of a read model that has reached these positions, before any of its rows is touched.
    pub fn from(reached: Vec<Position>) -> Self {
        // What one partition has touched, another may not have reached.
        let most = reached.iter().copied().max().unwrap_or(Position::START);
        Self { reached, newest: most, forgotten: most, ..Self::default() }
    }

    /// Something was touched, up to `position`, and it is not known what.
    pub fn any(&mut self, position: Position) {
        let newest = self.newest.max(position);
        *self = Self { reached: mem::take(&mut self.reached), newest, forgotten: newest, ..Self::default() };
    }

    /// The position that all partitions have reached.
    pub fn reached(&self) -> Position {
        self.reached.iter().copied().min().unwrap_or(Position::START)
    }

    /// Whether what was read at `position` still shows the row of `key`.
    pub fn item_is_current(&self, key: &str, position: Position) -> bool {
        position >= self.forgotten && self.by_key.get(key).is_none_or(|touched| *touched <= position)
    }

    pub fn list_is_current(&self, position: Position) -> bool {
        self.newest <= position
    }
}
