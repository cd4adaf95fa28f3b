//! How processes share the partitions of read models: each works on at most its share of them, so that
//! one that comes later gets some, and one that has more gives up the rest.
//!
//! A process of another release may not know a read model, and leave it alone though it has room. It is taken on by
//! one that knows it, beside its share (`lease.rs`).
//!
//! Like a lease, a share says which process works; it is not what keeps the work correct.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Shares(Arc<watch::Sender<State>>);

struct State {
    /// Partitions that there are, by read model.
    partitions: HashMap<&'static str, usize>,
    /// Processes that project.
    processes: usize,
    /// Partitions that this one works on.
    held: usize,
}

/// The permission to work on one partition.
pub(crate) struct Permit<'a> {
    shares: &'a Shares,
    /// It was given up.
    is_over: bool,
}

impl State {
    fn share(&self) -> usize {
        let partitions: usize = self.partitions.values().sum();
        // Rounded up: together the shares are never less than what there is.
        partitions.div_ceil(self.processes)
    }
}

impl Shares {
    pub fn new() -> Self {
        let state = State { partitions: HashMap::new(), processes: 1, held: 0 };
        Self(Arc::new(watch::Sender::new(state)))
    }

    pub fn set_partitions(&self, model: &'static str, partitions: usize) {
        self.0.send_modify(|state| {
            state.partitions.insert(model, partitions);
        });
    }

    pub fn set_processes(&self, processes: usize) {
        self.0.send_modify(|state| state.processes = processes);
    }

    pub fn permit(&self) -> Option<Permit<'_>> {
        let permitted = self.0.send_if_modified(|state| {
            let permitted = state.held < state.share();
            state.held += usize::from(permitted);
            permitted
        });
        permitted.then(|| Permit { shares: self, is_over: false })
    }
}

impl Permit<'_> {
    /// Returns when this process has more than its share, and this is the one to go.
    pub async fn surplus(&mut self) {
        let mut state = self.shares.0.subscribe();
        while !self.is_over {
            // The sender is `self`'s.
            let _ = state.wait_for(|state| state.held > state.share()).await;
            self.is_over = self.shares.0.send_if_modified(|state| {
                let surplus = state.held > state.share();
                state.held -= usize::from(surplus);
                surplus
            });
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.shares.0.send_modify(|state| state.held -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn shares(partitions: usize, processes: usize) -> Shares {
        let shares = Shares::new();
        shares.set_partitions("orders", partitions);
        shares.0.send_modify(|state| state.processes = processes);
        shares
    }

    #[test]
    fn a_share_is_rounded_up_and_no_more_is_taken() {
        let shares = shares(5, 2);
        let permits: Vec<_> = std::iter::from_fn(|| shares.permit()).collect();
        assert_eq!(permits.len(), 3);
        drop(permits);
        assert!(shares.permit().is_some());
    }

    #[test]
    fn what_is_more_than_the_share_is_given_up_and_nothing_else() {
        let shares = shares(4, 1);
        let mut permits: Vec<_> = std::iter::from_fn(|| shares.permit()).collect();
        assert_eq!(permits.len(), 4);
        assert!(permits.iter_mut().all(|permit| permit.surplus().now_or_never().is_none()));
        shares.0.send_modify(|state| state.processes = 2);
        let given_up = permits.iter_mut().filter_map(|permit| permit.surplus().now_or_never()).count();
        assert_eq!(given_up, 2);
        drop(permits);
        assert_eq!(shares.0.borrow().held, 0);
    }
}
