//! An export under way: what is taken from the source goes to the target, and is counted.

use daybook_domain::{
    Position, Record,
    published::{Published, publish},
};

use crate::{args::Args, error::ExportError, progress::Progress, resume::Last, target::Target};

pub(crate) struct Writing {
    target: Target,
    is_raw: bool,
    pub progress: Progress,
    /// Everything up to here was taken, or was not chosen.
    pub through: Position,
    /// How many events were taken.
    pub taken: u64,
    /// What a target that was begun ends with, until the source has said that it has the same.
    pub last: Option<Last>,
}

impl Writing {
    pub fn begin(args: &Args) -> Result<Self, ExportError> {
        let (target, begun) = Target::open(args)?;
        let after = Position(args.after);
        if begun.through > Position::START && after > begun.through {
            return Err(ExportError::Gap { path: args.path(), through: begun.through, after });
        }
        let through = begun.through.max(after);
        let writes_to_output = args.out.is_none() && args.dir.is_none();
        let progress = Progress::new(writes_to_output, through);
        Ok(Self { target, is_raw: args.raw, progress, through, taken: 0, last: begun.last })
    }

    /// Takes the next record of the log.
    pub fn take_record(&mut self, record: &Record) -> Result<(), ExportError> {
        if self.is_raw {
            self.target.take_raw(record)?;
            self.took(record.position);
            return Ok(());
        }
        self.take(&publish(record))
    }

    /// Takes the next public event.
    pub fn take(&mut self, event: &Published<'_>) -> Result<(), ExportError> {
        self.target.take(event)?;
        self.took(event.position);
        Ok(())
    }

    fn took(&mut self, position: Position) {
        self.taken += 1;
        self.passed(position);
    }

    /// Nothing else up to this place was chosen.
    pub fn passed(&mut self, position: Position) {
        self.through = self.through.max(position);
        self.progress.reached(self.through);
    }

    /// Nothing comes for a while: readers of the files may see what there is.
    pub fn pause(&mut self) -> Result<(), ExportError> {
        self.target.pause(self.through)
    }

    pub fn complete(&mut self) -> Result<(), ExportError> {
        self.target.complete(self.through)
    }

    /// Ends it in the midst.
    pub fn keep(&mut self) -> Result<(), ExportError> {
        self.target.keep(self.through)
    }
}
