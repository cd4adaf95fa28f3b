//! The table of a tally's sums, beside that of its rows: `read.{name}_g{generation}_sums`.

use crate::read_models::{Definition, Shape};

/// Names come from [`Definition`]s, never from outside.
pub(crate) fn name(model: &str, generation: i32) -> String {
    format!("read.{model}_g{generation}_sums")
}

/// The sums of one generation of a tally.
pub(crate) struct SumsTable {
    shape: Shape,
    model: &'static str,
    generation: i32,
}

impl Definition {
    /// `None`, if it isn't a tally.
    pub fn sums(&self, generation: i32) -> Option<SumsTable> {
        self.tally.map(|shape| SumsTable { shape, model: self.name, generation })
    }
}

impl SumsTable {
    fn name(&self) -> String {
        name(self.model, self.generation)
    }

    fn keys(&self) -> String {
        self.shape.keys.join(", ")
    }

    /// Creates the table without the index of its key. Sums have no limit, so that none can stop a projection.
    pub fn create(&self) -> String {
        let keys: String =
            self.shape.keys.iter().map(|key| format!("{key} text COLLATE \"C\" NOT NULL, ")).collect();
        let sums = join(self.shape.sums.iter().map(|sum| format!("{sum} numeric NOT NULL")));
        // Sums of today change all the time: half a page is left for their new versions.
        format!("CREATE TABLE IF NOT EXISTS {} ({keys}{sums}) WITH (fillfactor = 50)", self.name())
    }

    pub fn create_key(&self) -> String {
        let (model, generation) = (self.model, self.generation);
        format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {model}_g{generation}_sums_key ON {} ({})",
            self.name(),
            self.keys()
        )
    }

    /// The index of the rows by which those of a slice are found.
    pub fn create_slices(&self, rows: &str) -> String {
        let (model, generation) = (self.model, self.generation);
        format!(
            "CREATE INDEX IF NOT EXISTS {model}_g{generation}_slice ON {rows} ({} COLLATE \"C\")",
            self.shape.slice()
        )
    }

    /// A part of a statement that begins with a fence: adds what comes as one array for each key and each
    /// sum, from parameter `first` on. Every worker adds in the same order, so that two of them that add to
    /// the same keys wait for each other and never both.
    pub fn add(&self, first: usize) -> String {
        let Shape { keys, sums } = self.shape;
        let count = keys.len() + sums.len();
        let arrays = join((first..first + count).map(|n| format!("${n}::text[]")));
        let names = join((0..count).map(|n| format!("a{n}")));
        let added = (0..count).map(|n| format!("a{n}::{}", if n < keys.len() { "text" } else { "numeric" }));
        let order = join((0..keys.len()).map(|n| format!("a{n}")));
        let changes = sums.iter().map(|sum| format!("{sum} = stored.{sum} + excluded.{sum}"));
        format!(
            ", added AS (INSERT INTO {table} AS stored ({keys}, {sums})
             SELECT {added} FROM fence, unnest({arrays}) AS x({names}) ORDER BY {order}
             ON CONFLICT ({keys}) DO UPDATE SET {changes})",
            table = self.name(),
            keys = self.keys(),
            sums = sums.join(", "),
            added = join(added),
            changes = join(changes),
        )
    }

    /// Fills it with what `rows` contribute.
    pub fn fill(&self, rows: &str) -> String {
        let (keys, sums) = (self.keys(), self.shape.sums.join(", "));
        format!("INSERT INTO {} ({keys}, {sums}) {}", self.name(), self.due(rows, ""))
    }

    /// What the sums should be, as `rows` have it. `condition` is the end of a WHERE clause.
    fn due(&self, rows: &str, condition: &str) -> String {
        let Shape { keys, sums } = self.shape;
        let parts = keys.iter().enumerate().map(|(n, key)| format!("part->>{n} AS {key}"));
        let numbers = (keys.len()..).zip(sums).map(|(n, sum)| format!("sum((part->>{n})::numeric) AS {sum}"));
        let places = join((1..=keys.len()).map(|n| n.to_string()));
        format!(
            "SELECT {}, {} FROM {rows} r, json_array_elements(r.contributes) AS p(part)
              WHERE true{condition} GROUP BY {places}",
            join(parts),
            join(numbers),
        )
    }

    /// Compares sums with what `rows` contribute: how many keys there are, how many sums differ, and the
    /// first one of them. With `bounded`, only slices behind $1 and up to $2, or to the end if that is NULL.
    pub fn compare(&self, rows: &str, bounded: bool) -> String {
        let Shape { sums, .. } = self.shape;
        let slice = self.shape.slice();
        let condition = |column: &str| {
            if !bounded {
                return String::new();
            }
            let column = format!("{column} COLLATE \"C\"");
            format!(" AND {column} > $1 AND ($2::text IS NULL OR {column} <= $2)")
        };
        let array = |of: &str| {
            let values = join(sums.iter().map(|sum| format!("coalesce({of}.{sum}, 0)")));
            format!("ARRAY[{values}]")
        };
        format!(
            "SELECT count(*), count(*) FILTER (WHERE stored <> due),
                    min(key || ': the sums are ' || stored::text || ', the rows add up to ' || due::text)
                        FILTER (WHERE stored <> due)
               FROM (SELECT concat_ws('/', {keys}) AS key, {stored} AS stored, {due} AS due
                       FROM (SELECT * FROM {table} WHERE true{of_sums}) s
                       FULL JOIN ({contributed}) d USING ({keys})) compared",
            keys = self.keys(),
            stored = array("s"),
            due = array("d"),
            table = self.name(),
            of_sums = condition(slice),
            contributed = self.due(rows, &condition(&format!("r.{slice}"))),
        )
    }

    /// The slice up to which there are about $2 rows behind slice $1; none, if that is the end.
    pub fn next_slice(&self, rows: &str) -> String {
        let slice = format!("{} COLLATE \"C\"", self.shape.slice());
        format!("SELECT {slice} FROM {rows} WHERE {slice} > $1 ORDER BY {slice} OFFSET $2 LIMIT 1")
    }
}

fn join(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(", ")
}
