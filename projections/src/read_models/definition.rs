//! What a read model is, with its types and without them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use daybook_domain::{Record, stored::Unreadable};
use serde::{Serialize, de::DeserializeOwned};

use crate::tasks::panic_text;

/// One read model.
pub trait ReadModel: Send + Sync + 'static {
    /// Of the projection and, with the generation, of its table.
    const NAME: &'static str;
    /// The kind of stream that becomes a row.
    const KIND: &'static str;
    /// What the row is found or ordered by, beside its key.
    const COLUMNS: &'static [Column];
    /// Each the end of `CREATE INDEX … ON table`.
    const INDEXES: &'static [&'static str];
    type Row: Serialize + DeserializeOwned + Clone + Send + 'static;

    /// The row after `record`. `None`: there is none yet; one that is there stays.
    fn fold(row: Option<Self::Row>, record: &Record) -> Result<Option<Self::Row>, Unreadable>;

    /// The values of [`Self::COLUMNS`], as text.
    fn columns(row: &Self::Row) -> Vec<Option<String>>;
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
    pub columns: &'static [Column],
    pub indexes: &'static [&'static str],
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
    pub columns: Vec<Option<String>>,
    /// JSON.
    pub doc: String,
}

struct FoldOf<M: ReadModel>(Option<M::Row>);

impl Definition {
    pub const fn of<M: ReadModel>() -> Self {
        Self {
            name: M::NAME,
            kind: M::KIND,
            columns: M::COLUMNS,
            indexes: M::INDEXES,
            begin: |doc| {
                let row = doc.map(serde_json::from_str).transpose()?;
                Ok(Box::new(FoldOf::<M>(row)))
            },
        }
    }
}

impl<M: ReadModel> Fold for FoldOf<M> {
    fn apply(&mut self, record: &Record) -> Result<(), String> {
        let row = self.0.take();
        // A panic in a fold is that record's fault, and must stop nothing but its projection.
        self.0 = catch_unwind(AssertUnwindSafe(|| M::fold(row, record)))
            .map_err(|panic| panic_text(&*panic))?
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    fn is_there(&self) -> bool {
        self.0.is_some()
    }

    fn written(&self) -> Option<Written> {
        self.0.as_ref().map(|row| Written {
            columns: M::columns(row),
            doc: serde_json::to_string(row).expect("rows serialize: string keys, finite numbers"),
        })
    }
}
