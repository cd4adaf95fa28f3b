//! The states that a rebuild passes through.

use daybook_domain::words;

use crate::sql::as_text;

words! {
    /// How far a rebuild is, or how it ended.
    pub enum RebuildState {
        Building = "building",
        CatchingUp = "catching_up",
        Verifying = "verifying",
        Swapping = "swapping",
        Done = "done",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

#[cfg(feature = "schema")]
daybook_domain::schema_of_words!(RebuildState);

as_text!(RebuildState);

impl RebuildState {
    /// A worker works on it, or will. A projection has at most one rebuild that is live.
    pub const LIVE: [Self; 4] = [Self::Building, Self::CatchingUp, Self::Verifying, Self::Swapping];

    pub fn is_live(self) -> bool {
        Self::LIVE.contains(&self)
    }

    /// The states that this one is entered from. A worker that takes a rebuild over builds again.
    pub const fn before(self) -> &'static [Self] {
        match self {
            Self::Building | Self::Failed => &Self::LIVE,
            Self::CatchingUp => &[Self::Building],
            Self::Verifying => &[Self::CatchingUp],
            Self::Swapping => &[Self::Verifying],
            Self::Done => &[Self::Swapping],
            Self::Cancelled => &[Self::Building, Self::CatchingUp, Self::Verifying],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        for state in RebuildState::ALL {
            assert!(state.before().iter().all(|before| before.is_live()), "{state}");
        }
    }
}
