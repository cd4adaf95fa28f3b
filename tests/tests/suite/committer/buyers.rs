//! A shop with teapots, those who buy them until they are told to stop, and what each was told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use daybook_commands::{CommandError, Failure, Settings};
use daybook_domain::{ids::OrderId, policy::Role};
use daybook_tests::{
    Log, Shop, TestDatabase,
    shop::{Answer, by, prepared_order, submit},
    until,
};
use tokio::task::JoinSet;

pub async fn stocked(database: &TestDatabase, name: &str, settings: Settings) -> Shop {
    let shop = Shop::open_with(&database.app_url(), name, settings);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 100_000).await.unwrap();
    shop
}

/// What became of an order, as its client was told.
pub enum Told {
    Done,
    NotDone,
    Unknown,
}

fn told(answer: &Answer) -> Told {
    match answer {
        Ok(_) => Told::Done,
        Err(CommandError::Failed(Failure::OutcomeUnknown | Failure::DeadlineExceeded)) => Told::Unknown,
        Err(CommandError::Failed(Failure::Unavailable | Failure::Overloaded)) => Told::NotDone,
        Err(other) => panic!("nobody should be told this: {other}"),
    }
}

/// Every order is there as often as its client must believe.
pub fn check(log: &Log, orders: &[(OrderId, Told)]) {
    for (id, told) in orders {
        let times = log.times_placed(*id);
        match told {
            Told::Done => assert_eq!(times, 1, "{id} was acknowledged"),
            Told::NotDone => assert_eq!(times, 0, "{id} was not to have happened"),
            Told::Unknown => assert!(times <= 1, "{id} happened twice"),
        }
    }
}

/// Orders from several clients until told to stop.
pub struct Buyers {
    buyers: JoinSet<Vec<(OrderId, Told)>>,
    acknowledged: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

impl Buyers {
    pub fn of(shops: &[&Shop]) -> Self {
        let (acknowledged, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut buyers = JoinSet::new();
        for buyer in 0..16 {
            let commands = shops[buyer % shops.len()].commands.clone();
            let (acknowledged, enough) = (Arc::clone(&acknowledged), Arc::clone(&enough));
            buyers.spawn(async move {
                let mut orders = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    let order = prepared_order(&[("TEAPOT", 1)]);
                    let id = order.id;
                    let answer = submit(&commands, by(Role::Customer), order).await;
                    acknowledged.fetch_add(u64::from(answer.is_ok()), Ordering::Relaxed);
                    orders.push((id, told(&answer)));
                }
                orders
            });
        }
        Self { buyers, acknowledged, enough }
    }

    /// Until more than so many more orders have been acknowledged.
    pub async fn progress(&self, more: u64) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("there is progress", async || self.acknowledged.load(Ordering::Relaxed) > before + more).await;
    }

    pub async fn end(self) -> Vec<(OrderId, Told)> {
        self.enough.store(true, Ordering::Relaxed);
        self.buyers.join_all().await.into_iter().flatten().collect()
    }
}
