//! What a projection has applied, in two numbers that can be computed again from the log.

use daybook_domain::Position;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many events were applied, and a digest of which ones and in which order.
///
/// The digest is a sum modulo 2^64, one summand an event, so it doesn't matter in which order streams
/// were folded; each summand names the version of the row that the event was applied to, so within a
/// stream it does. An event left out, applied twice or in front of its predecessor changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    pub applied: i64,
    pub digest: u64,
}

impl Proof {
    /// `row_version`: the sequence of the event that the row was at before; 0 if there was no row.
    pub fn add(&mut self, event_id: Uuid, position: Position, row_version: i64) {
        self.applied += 1;
        self.digest = self.digest.wrapping_add(summand(event_id, position, row_version));
    }

    /// What two have applied, each of them other streams.
    pub fn plus(self, other: Self) -> Self {
        Self { applied: self.applied + other.applied, digest: self.digest.wrapping_add(other.digest) }
    }

    pub fn stored(applied: Option<i64>, digest: Option<i64>) -> Option<Self> {
        Some(Self { applied: applied?, digest: digest?.cast_unsigned() })
    }

    /// The two columns.
    pub fn as_stored(self) -> (i64, i64) {
        (self.applied, self.digest.cast_signed())
    }
}

/// Stored for ever: what it is made of can't change.
pub(crate) fn summand(event_id: Uuid, position: Position, row_version: i64) -> u64 {
    let hash = Sha256::new()
        .chain_update(event_id.as_bytes())
        .chain_update(position.0.to_be_bytes())
        .chain_update(row_version.to_be_bytes())
        .finalize();
    u64::from_be_bytes(*hash.first_chunk().expect("32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: &[(u128, i64, i64)]) -> Proof {
        let mut proof = Proof::default();
        for (id, position, row_version) in events {
            proof.add(Uuid::from_u128(*id), Position(*position), *row_version);
        }
        proof
    }

    #[test]
    fn streams_may_be_folded_in_any_order() {
        let by_position = of(&[(1, 1, 0), (2, 2, 0), (3, 3, 1)]);
        assert_eq!(by_position, of(&[(1, 1, 0), (3, 3, 1)]).plus(of(&[(2, 2, 0)])));
    }

    #[test]
    fn an_event_left_out_or_twice_or_out_of_order_shows() {
        let right = of(&[(1, 1, 0), (2, 2, 1), (3, 3, 2)]);
        for wrong in [
            of(&[(1, 1, 0), (3, 3, 1)]),
            of(&[(1, 1, 0), (2, 2, 1), (2, 2, 2), (3, 3, 2)]),
            of(&[(2, 2, 0), (1, 1, 2), (3, 3, 1)]),
            of(&[(1, 1, 0), (2, 2, 1), (4, 3, 2)]),
        ] {
            assert_ne!(right.digest, wrong.digest);
        }
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        let proof = Proof { applied: 3, digest: u64::MAX - 4 };
        let (applied, digest) = proof.as_stored();
        assert_eq!(Proof::stored(Some(applied), Some(digest)), Some(proof));
    }

    #[test]
    fn the_digest_is_what_it_was_when_it_was_stored() {
        // Worked out elsewhere: the first 8 bytes of SHA-256 over the 32 bytes of the three.
        assert_eq!(summand(Uuid::from_u128(1), Position(2), 3), 14_179_984_572_711_830_636);
    }
}
