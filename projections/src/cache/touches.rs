//! Which rows of a read model were touched lately, and how far its partitions are.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use daybook_domain::Position;

use super::kind::Kind;

/// How many touched keys of a read model are remembered, and how many groups.
pub(super) const MAX_TOUCHES: usize = 65_536;

/// The latest touches of rows, and of groups of rows.
#[derive(Debug, Default)]
pub(super) struct Touches {
    /// How far each partition is.
    pub reached: Vec<Position>,
    rows: Latest,
    groups: Latest,
    newest: Position,
    /// The kinds of which answers about one row may be kept: few, since reads and audiences are few.
    /// Whenever this is emptied, a new epoch begins.
    pub kinds: Vec<Kind>,
}

/// The latest touches of what is called by names, and from where on they are all known.
#[derive(Debug, Default)]
struct Latest {
    by_name: HashMap<String, Position>,
    in_order: VecDeque<(Position, String)>,
    /// Touches up to here may have been forgotten.
    forgotten: Position,
}

impl Latest {
    fn all_known_from(forgotten: Position) -> Self {
        Self { forgotten, ..Self::default() }
    }

    fn add(&mut self, name: String, position: Position) {
        // A partition that is behind may touch the same group.
        let latest = self.by_name.entry(name.clone()).or_insert(position);
        *latest = position.max(*latest);
        self.in_order.push_back((position, name));
        while self.in_order.len() > MAX_TOUCHES {
            let Some((position, name)) = self.in_order.pop_front() else { break };
            self.forgotten = self.forgotten.max(position);
            if self.by_name.get(&name) == Some(&position) {
                self.by_name.remove(&name);
            }
        }
    }

    /// Whether it is known that nothing behind `position` has touched it.
    fn is_untouched(&self, name: &str, position: Position) -> bool {
        position >= self.forgotten && self.by_name.get(name).is_none_or(|touched| *touched <= position)
    }
}

impl Touches {
    pub fn add(&mut self, key: String, position: Position) {
        self.newest = self.newest.max(position);
        self.rows.add(key, position);
    }

    /// Rows of these groups were touched, or of any, if it isn't known of which.
    pub fn add_groups(&mut self, groups: Option<Vec<String>>, position: Position) {
        match groups {
            Some(groups) => groups.into_iter().for_each(|group| self.groups.add(group, position)),
            None => self.groups = Latest::all_known_from(self.groups.forgotten.max(position)),
        }
    }

    /// The touches of a read model that has reached these positions, before any of its rows is touched.
    pub fn from(reached: Vec<Position>) -> Self {
        // What one partition has touched, another may not have reached.
        let most = reached.iter().copied().max().unwrap_or(Position::START);
        Self { reached, newest: most, ..Self::after(most) }
    }

    /// Something was touched, up to `position`, and it is not known what.
    pub fn any(&mut self, position: Position) {
        let newest = self.newest.max(position);
        *self = Self { reached: mem::take(&mut self.reached), newest, ..Self::after(newest) };
    }

    /// Nothing is known of what was touched up to `position`.
    fn after(position: Position) -> Self {
        let none = || Latest::all_known_from(position);
        Self { rows: none(), groups: none(), ..Self::default() }
    }

    /// The position that all partitions have reached.
    pub fn reached(&self) -> Position {
        self.reached.iter().copied().min().unwrap_or(Position::START)
    }

    /// Whether what was read at `position` still shows the row of `key`.
    pub fn item_is_current(&self, key: &str, position: Position) -> bool {
        self.rows.is_untouched(key, position)
    }

    /// The same of all rows of a group, or of all that there are.
    pub fn list_is_current(&self, group: Option<&str>, position: Position) -> bool {
        match group {
            Some(group) => self.groups.is_untouched(group, position),
            None => self.newest <= position,
        }
    }
}
