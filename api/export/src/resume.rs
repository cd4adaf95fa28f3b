//! Where an export that was begun goes on.

use std::{fs::File, path::Path};

use daybook_domain::Position;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ExportError;

/// The last event that is in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub position: Position,
    pub event_id: Uuid,
}

/// What the files have already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Begun {
    /// Nothing else up to here was chosen.
    pub through: Position,
    /// `None`: there was no event yet.
    pub last: Option<Last>,
}

/// Keeps others from writing there for as long as the file is open.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), ExportError> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error == rustix::io::Errno::WOULDBLOCK {
            ExportError::InUse(path.to_owned())
        } else {
            ExportError::Write(error.into())
        }
    })
}
