//! How the streams of a read model are shared out among workers.

use sha2::{Digest, Sha256};

/// A share of the streams, of as many as its generation was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    pub index: usize,
    of: usize,
}

impl Partition {
    /// All streams.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    pub fn all(of: usize) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// The number as it is stored.
    pub fn number(self) -> i32 {
        i32::try_from(self.index).expect("there are few")
    }

    pub fn holds(self, stream: &str) -> bool {
        self.index == index_of(stream, self.of)
    }
}

/// Which of so many partitions a stream is in. Rows and checkpoints depend on this, so it must never change.
pub(crate) fn index_of(stream: &str, partitions: usize) -> usize {
    if partitions <= 1 {
        return 0;
    }
    let hash = Sha256::digest(stream);
    let number = u64::from_be_bytes(*hash.first_chunk().expect("32 bytes"));
    usize::try_from(number % partitions as u64).expect("below a usize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_in_exactly_one_partition() {
        for of in [1, 2, 3, 7, 64] {
            for n in 0..500 {
                let stream = format!("ord_{n}");
                assert_eq!(Partition::all(of).filter(|partition| partition.holds(&stream)).count(), 1);
            }
        }
    }

    #[test]
    fn streams_are_where_they_were_when_their_rows_were_written() {
        // Worked out elsewhere: the first 8 bytes of SHA-256, as a number.
        assert_eq!((index_of("", 1_000), index_of("order-1", 1_000)), (652, 396));
    }

    #[test]
    fn partitions_are_of_about_the_same_size() {
        let mut sizes = [0; 4];
        for n in 0..10_000 {
            sizes[index_of(&format!("ord_{n:032x}"), 4)] += 1;
        }
        assert!(sizes.iter().all(|size| (2_000..3_000).contains(size)), "{sizes:?}");
    }
}
