//! The database server itself is killed or stopped.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use daybook_commands::{CommitterSettings, Failure, NotDone};
use daybook_domain::{ids::OrderId, policy::Role};
use daybook_tests::{
    Log, OwnPostgres, Shop, TestDatabase,
    shop::{by, keyed, order, order_id},
    until,
};
use tokio::task::JoinSet;

use super::faults::{Told, check, told};

fn impatient() -> CommitterSettings {
    CommitterSettings { append_timeout_ms: 1_000, resolve_timeout_ms: 20_000, ..CommitterSettings::default() }
}

async fn stocked(database: &TestDatabase, name: &str, settings: CommitterSettings) -> Shop {
    let shop = Shop::open_with(&database.app_url(), name, settings);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 100_000).await.unwrap();
    shop
}

/// Orders from several clients until told to stop.
struct Load {
    buyers: JoinSet<Vec<(OrderId, Told)>>,
    acknowledged: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

impl Load {
    fn on(shops: &[&Shop]) -> Self {
        let (acknowledged, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut buyers = JoinSet::new();
        for buyer in 0..12 {
            let commands = shops[buyer % shops.len()].commands.clone();
            let (acknowledged, enough) = (Arc::clone(&acknowledged), Arc::clone(&enough));
            buyers.spawn(async move {
                let mut orders = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    let order = order(&[("TEAPOT", 1)]);
                    let id = order.id;
                    let answer = commands.orders().place(by(Role::Customer), order).await;
                    acknowledged.fetch_add(u64::from(answer.is_ok()), Ordering::Relaxed);
                    orders.push((id, told(&answer)));
                }
                orders
            });
        }
        Self { buyers, acknowledged, enough }
    }

    async fn progress(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("there is progress", async || self.acknowledged.load(Ordering::Relaxed) > before + 50).await;
    }

    async fn end(self) -> Vec<(OrderId, Told)> {
        self.enough.store(true, Ordering::Relaxed);
        self.buyers.join_all().await.into_iter().flatten().collect()
    }
}

/// Catches: asynchronous_commit.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_database_that_is_killed_under_load_keeps_what_it_acknowledged() {
    let mut postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    let a = stocked(&database, "a", impatient()).await;
    let b = Shop::open_with(&database.app_url(), "b", impatient());
    let load = Load::on(&[&a, &b]);
    for _ in 0..3 {
        load.progress().await;
        postgres.kill();
        postgres.restart();
    }
    load.progress().await;
    let orders = load.end().await;
    a.close().await;
    b.close().await;
    let superuser = fresh_pool(&database);
    check(&Log::check(&superuser).await, &orders);
}

/// A process whose database stands still answers "unknown", and the repeat finds out.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_database_that_stands_still_makes_outcomes_unknown_not_wrong() {
    let postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    let settings = CommitterSettings { resolve_timeout_ms: 500, ..impatient() };
    let shop = stocked(&database, "shop", settings).await;
    for round in 0..2 {
        let context = || keyed(by(Role::Customer), &format!("K{round}"), 1);
        let first = order(&[("TEAPOT", 1)]);
        let id = first.id;
        postgres.freeze();
        let answer = shop.place(context(), first).await;
        let Err(NotDone::Failed(failure)) = answer else { panic!("{answer:?}") };
        postgres.thaw();
        let repeated = loop {
            match shop.place(context(), order(&[("TEAPOT", 1)])).await {
                Ok(accepted) => break accepted,
                Err(NotDone::Failed(Failure::Unavailable | Failure::OutcomeUnknown)) => {}
                Err(other) => panic!("{other}"),
            }
        };
        let log = Log::check(&database.superuser).await;
        assert_eq!(log.times_placed(order_id(&repeated)), 1);
        assert_eq!(log.orders().len(), round + 1, "{failure:?}");
        if order_id(&repeated) != id {
            assert_eq!(log.times_placed(id), 0);
        }
    }
    shop.close().await;
}

/// The pool of the test may hold connections to the server that was killed.
fn fresh_pool(database: &TestDatabase) -> sqlx::PgPool {
    let options = database.superuser_url().as_str().parse().unwrap();
    daybook_migrations::pool(options, 1, std::time::Duration::from_secs(10))
}
