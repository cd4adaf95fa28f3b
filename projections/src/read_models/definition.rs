//! What a read model is, with its types and without them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use daybook_domain::{Record, stored::Unreadable};
use serde::{Serialize, de::DeserializeOwned};

use super::tally::{Contribution, Key, Shape, Sums};
use crate::tasks::panic_text;

/// How an index finds parts of texts. It is that of an extension, which not every database has.
pub(crate) const TRIGRAMS: &str = "gin_trgm_ops";

/// One read model.
pub trait ReadModel: Send + Sync + 'static {
    /// Name of the projection and, with the generation, of its table.
    const NAME: &'static str;
    /// The kind of stream that becomes a row.
    const KIND: &'static str;
    /// What the row is found or ordered by, beside its key.
    const COLUMNS: &'static [Column];
    /// Each one is the end of a statement `CREATE INDEX … ON table`. One with [`TRIGRAMS`] is made where the
    /// database has them.
    const INDEXES: &'static [&'static str];
    /// The column that says of which group a row is. A row without a group may come into one, and then stays there. A
    /// list that shows one group only is kept while rows of others change.
    const GROUP: Option<&'static str> = None;
    type Row: Serialize + DeserializeOwned + Clone + Send + 'static;

    /// The row after `record`. `None`: there is none yet; one that is there stays.
    fn fold(row: Option<Self::Row>, record: &Record) -> Result<Option<Self::Row>, Unreadable>;

    /// The values of [`Self::COLUMNS`], as text.
    fn columns(row: &Self::Row) -> Vec<Option<String>>;
}

/// A read model that keeps sums over all its rows, by key, in a second table.
///
/// A sum is always what all rows contribute to it: the statement that writes a row also adds what the row
/// contributes now less what it contributed before.
pub trait Tally: ReadModel {
    /// The parts of a key. The first one is the *slice*, which is a column of the rows as well, so that the
    /// sums of a slice can be compared with the rows that they come from.
    const KEYS: &'static [&'static str];
    const SUMS: &'static [&'static str];

    /// All keys of a row have the same slice.
    fn contribute(row: &Self::Row) -> Vec<(Key, Sums)>;
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub sql_type: &'static str,
}

/// A read model without its types, so that what moves rows around is written once.
pub(crate) struct Definition {
    pub name: &'static str,
    pub kind: &'static str,
    /// See [`Self::columns`].
    own_columns: &'static [Column],
    pub indexes: &'static [&'static str],
    pub group: Option<&'static str>,
    /// The shape of its sums, if it is a tally.
    pub tally: Option<Shape>,
    /// Starts from a stored row, or from nothing.
    pub begin: Begin,
}

pub(crate) type Begin = fn(Option<&str>) -> Result<Box<dyn Fold>, serde_json::Error>;

/// A row that is being folded.
pub(crate) trait Fold: Send {
    /// After an error the row is gone: begin again.
    fn apply(&mut self, record: &Record) -> Result<(), String>;
    fn is_there(&self) -> bool;
    fn written(&self) -> Option<Written>;
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// The values of [`Definition::columns`].
    pub columns: Vec<Option<String>>,
    /// JSON.
    pub doc: String,
    /// What a tally's sums have of it.
    pub contribution: Contribution,
}

/// The column of a tally's rows that holds what each of them contributes.
const CONTRIBUTES: Column = Column { name: "contributes", sql_type: "json" };

struct FoldOf<M: ReadModel> {
    row: Option<M::Row>,
    contribute: Option<Contribute<M>>,
}

type Contribute<M> = fn(&<M as ReadModel>::Row) -> Vec<(Key, Sums)>;

impl Definition {
    pub const fn of<M: ReadModel>() -> Self {
        Self {
            name: M::NAME,
            kind: M::KIND,
            own_columns: M::COLUMNS,
            indexes: M::INDEXES,
            group: M::GROUP,
            tally: None,
            begin: |doc| FoldOf::<M>::begin(doc, None),
        }
    }

    pub const fn of_tally<M: Tally>() -> Self {
        Self {
            tally: Some(Shape { keys: M::KEYS, sums: M::SUMS }),
            begin: |doc| FoldOf::<M>::begin(doc, Some(M::contribute)),
            ..Self::of::<M>()
        }
    }

    /// What a row has beside its key, its place in the log and its document. A tally's rows also have what
    /// they contribute, and their slice.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        let slice = |shape: Shape| Column { name: shape.slice(), sql_type: "text" };
        let of_tally = self.tally.into_iter().flat_map(move |shape| [CONTRIBUTES, slice(shape)]);
        self.own_columns.iter().copied().chain(of_tally)
    }
}

impl<M: ReadModel> FoldOf<M> {
    fn begin(
        doc: Option<&str>,
        contribute: Option<Contribute<M>>,
    ) -> Result<Box<dyn Fold>, serde_json::Error> {
        let row = doc.map(serde_json::from_str).transpose()?;
        Ok(Box::new(Self { row, contribute }))
    }
}

impl<M: ReadModel> Fold for FoldOf<M> {
    fn apply(&mut self, record: &Record) -> Result<(), String> {
        let row = self.row.take();
        // A panic in a fold is that record's fault, and must stop nothing but its projection.
        self.row = catch_unwind(AssertUnwindSafe(|| M::fold(row, record)))
            .map_err(|panic| panic_text(&*panic))?
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    fn is_there(&self) -> bool {
        self.row.is_some()
    }

    fn written(&self) -> Option<Written> {
        let row = self.row.as_ref()?;
        let doc = serde_json::to_string(row).expect("rows serialize: string keys, finite numbers");
        let mut columns = M::columns(row);
        let contribution = self.contribute.map(|contribute| Contribution::of(contribute(row)));
        if let Some(contribution) = &contribution {
            columns.extend([Some(contribution.text()), contribution.slice().map(str::to_owned)]);
        }
        Some(Written { columns, doc, contribution: contribution.unwrap_or_default() })
    }
}
