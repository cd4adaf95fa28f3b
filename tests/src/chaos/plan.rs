//! Which faults happen when: decided by a number.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::fault::{Fault, Kind};

/// Between the end of a fault and the beginning of the next, ms.
const PAUSE_MS: std::ops::Range<u64> = 150..1_500;
/// Before the first.
const FIRST_AT_MS: u64 = 700;
/// What starting servers again may take of the time of a fault, ms.
const RECOVERY_MS: u64 = 300;

pub struct Planned {
    /// Since the beginning. A fault whose predecessor took longer comes later.
    pub at: Duration,
    pub fault: Fault,
}

/// Every kind comes once, in any order, before one comes again.
pub fn plan(seed: u64, length: Duration) -> Vec<Planned> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut deck, mut planned) = (Vec::new(), Vec::new());
    let mut at = Duration::from_millis(FIRST_AT_MS);
    loop {
        if deck.is_empty() {
            deck = Kind::ALL.to_vec();
            deck.shuffle(&mut rng);
        }
        let kind = deck.pop().expect("just filled");
        let fault = Fault { kind, server: rng.random_range(0..2), lasts: kind.duration(&mut rng) };
        let ends = at + fault.lasts;
        if ends >= length {
            return planned;
        }
        planned.push(Planned { at, fault });
        at = ends + Duration::from_millis(RECOVERY_MS + rng.random_range(PAUSE_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(seed: u64, seconds: u64) -> Vec<Kind> {
        plan(seed, Duration::from_secs(seconds)).iter().map(|planned| planned.fault.kind).collect()
    }

    #[test]
    fn a_seed_stands_for_one_plan() {
        let shown = |seed| {
            let plan = plan(seed, Duration::from_secs(60));
            plan.iter().map(|planned| format!("{:?} {:?}", planned.at, planned.fault)).collect::<Vec<_>>()
        };
        assert_eq!(shown(7), shown(7));
        assert_ne!(shown(7), shown(8));
    }

    #[test]
    fn every_kind_comes_once_before_one_comes_again() {
        for seed in 0..20 {
            let kinds = kinds(seed, 120);
            let first = &kinds[..Kind::ALL.len()];
            assert!(Kind::ALL.iter().all(|kind| first.contains(kind)), "{seed}: {kinds:?}");
        }
    }
}
