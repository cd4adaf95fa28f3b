//! Servers that end while clients follow the log.

use std::{net::SocketAddr, time::Duration};

use daybook_domain::policy::Role;
use daybook_tests::{
    Daybook, Door,
    door::{following, next, positions},
    server::free_port,
    until,
};
use eventstore::Client;

use super::subscriptions::after;
use crate::faults::House;

/// A house with a server that has a door.
struct Shop {
    house: House,
    door: Door,
    address: SocketAddr,
    server: Daybook,
}

impl Shop {
    async fn new(change: impl FnOnce(Daybook) -> Daybook) -> Self {
        let (house, door) = (House::new().await, Door::new());
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut server = change(door.open_in(house.server("one"), address));
        server.start();
        house.sell(&server, 1_000).await;
        house.database.lengthen("TEAPOT", 20_000).await;
        Self { house, door, address, server }
    }

    /// A client on a connection of its own.
    fn analyst(&self) -> Client {
        self.door.client_of(self.address, "esdb", &self.server.token("ann", Role::Analyst))
    }
}

/// Catches: an event that is left out or sent twice when its reader goes on at another process.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_after_a_kill_sees_every_event_once() {
    let mut shop = Shop::new(|server| server).await;
    let mut seen: Vec<i64> = Vec::new();
    for taken in [1, 700, 1_300] {
        let mut subscription = shop.analyst().subscribe_to_all(&after(seen.last().copied())).await;
        seen.extend(positions(&following(&mut subscription, taken).await));
        shop.server.kill();
        // What was on its way already may still be taken.
        while let Ok(event) = next(&mut subscription).await {
            if let eventstore::SubscriptionEvent::EventAppeared(event) = event {
                seen.extend(positions(&[event]));
            }
        }
        shop.server.start();
        shop.house.receive(&shop.server, 1).await;
    }
    let head = shop.house.database.count("SELECT max(position) FROM events").await;
    let rest = usize::try_from(head).unwrap() - seen.len();
    let mut subscription = shop.analyst().subscribe_to_all(&after(seen.last().copied())).await;
    seen.extend(positions(&following(&mut subscription, rest).await));
    assert_eq!(seen, (1..=head).collect::<Vec<_>>());
}

/// Catches: a server that waits for its followers until its grace time is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_does_not_wait_for_subscriptions() {
    let mut shop = Shop::new(|server| server.with("http.shutdown_grace", "5m")).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        let client = shop.analyst();
        let mut subscription = client.subscribe_to_all(&after(None)).await;
        following(&mut subscription, 1).await;
        idle.push((client, subscription));
    }
    shop.server.terminate();
    until("it has ended", async || shop.server.ended().is_some()).await;
    for (_, subscription) in &mut idle {
        let over = async { while next(subscription).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(30), over).await.expect("each is told that it is over");
    }
}
