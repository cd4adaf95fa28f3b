//! Where in the log a reader begins: revisions and positions of the protocol, as places of ours.

use daybook_domain::{Position, published};
use daybook_projections::Log;

use crate::ask::{Amount, Ask, Begin, Of};

/// What is read, as its reader finds it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The end of the log.
    pub head: Position,
    pub is_there: bool,
    /// The last revision of a stream of events. A stream of links has none that is known.
    pub last_revision: Option<i64>,
}

pub async fn find(log: &Log, of: &Of) -> Result<Found, sqlx::Error> {
    let last = match of {
        Of::Stream { kind, id } => log.last_of(kind, id, i64::MAX).await?,
        Of::Log | Of::Category(_) | Of::Type(_) => None,
    };
    let is_there = match of {
        Of::Log => true,
        Of::Stream { .. } => last.is_some(),
        Of::Category(kind) => log.has_kind(kind).await?,
        Of::Type(name) => published::types().any(|public| public.name == name),
    };
    // After the others, so that everything that they found is in front of it.
    let head = log.head().await?;
    Ok(Found { head, is_there, last_revision: last.map(|(sequence, _)| sequence - 1) })
}

impl Found {
    /// The place behind which a reader begins who goes forwards. A subscription's client has had the event at the place
    /// that it names; a read has it, too.
    pub async fn behind(&self, log: &Log, ask: &Ask) -> Result<Position, sqlx::Error> {
        let had = i64::from(ask.amount == Amount::Subscription);
        match (&ask.of, ask.from) {
            (_, Begin::Start) => Ok(Position::START),
            (_, Begin::End) => Ok(self.head),
            // Before the event of revision `n`, a stream has `n` events.
            (Of::Stream { kind, id }, Begin::At(revision)) => {
                let last = log.last_of(kind, id, revision + had).await?;
                Ok(last.map_or(Position::START, |(_, position)| position))
            }
            // It may be beyond the head.
            (_, Begin::At(position)) => Ok(Position((position - 1 + had).max(0)).min(self.head)),
        }
    }

    /// The first place of a reader who goes backwards: in the log the one in front of the named place, in a stream that
    /// of the event of the named revision.
    pub async fn last_backwards(&self, log: &Log, ask: &Ask) -> Result<Position, sqlx::Error> {
        let first = match (&ask.of, ask.from) {
            (_, Begin::End) => self.head,
            (Of::Stream { kind, id }, from) => {
                let revision = if let Begin::At(revision) = from { revision } else { 0 };
                let last = log.last_of(kind, id, revision + 1).await?;
                last.map_or(Position::START, |(_, position)| position)
            }
            (_, Begin::Start) => Position::START,
            (Of::Log, Begin::At(position)) => Position((position - 1).max(0)),
            (_, Begin::At(position)) => Position(position),
        };
        Ok(first.min(self.head))
    }
}
