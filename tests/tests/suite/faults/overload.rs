use std::sync::atomic::{AtomicUsize, Ordering};

use daybook_domain::policy::Role;
use daybook_tests::{Client, Daybook, Reply, until};
use futures::future::join_all;
use tokio::task::JoinSet;

use super::{House, teapots};

/// How often it is answered while the others wait for theirs.
async fn health_beside<T>(nobody: &Client, others: impl Future<Output = T>) -> (u32, T) {
    let mut answered = 0;
    tokio::pin!(others);
    loop {
        tokio::select! {
            all = &mut others => return (answered, all),
            reply = nobody.get("/healthz") => drop(reply.expect(200)),
        }
        answered += 1;
    }
}

/// Every pool is exhausted by queries that wait for a locked table.
/// Catches: no_acquire_timeout.
#[tokio::test(flavor = "multi_thread")]
async fn fault_an_exhausted_pool_sheds_what_needs_it_and_nothing_else() {
    let house = House::new().await;
    let mut a = house
        .server("a")
        .with("queries.connections", 2)
        .with("http.request_timeout", "6s")
        .with("database.acquire_timeout", "2s");
    a.start();
    house.sell(&a, 10).await;
    // Clients ask for what they have seen: a read model that is behind would be another answer.
    house.caught_up().await;
    let mut foreign = house.database.foreign_session().await;
    let lock = "BEGIN; LOCK TABLE checkpoints, events";
    sqlx::Executor::execute(&mut foreign, lock).await.unwrap();
    let mut readers = JoinSet::new();
    for number in 0..12 {
        let reader = house.by(&a, &format!("reader-{number}"), Role::Customer);
        readers.spawn(async move { reader.get("/v1/orders").await });
    }
    let (healthy, replies) = health_beside(&a.api(&house.client), readers.join_all()).await;
    assert!(healthy >= 50, "/healthz was answered {healthy} times while the others waited");
    let (mut shed, mut late) = (0, 0);
    for reply in replies {
        match reply.refusal().as_str() {
            "503 unavailable" => {
                assert!(reply.header("retry-after").is_some());
                shed += 1;
            }
            "504 deadline_exceeded" => late += 1,
            other => panic!("{other}"),
        }
    }
    assert!(shed >= 10 && late <= 2, "{shed} were shed, {late} were late");
    drop(foreign);
    house.alice(&a).get("/v1/orders").await.expect(200);
}

/// Ten times what it takes at a time, again and again: it sheds, stays reachable and doesn't grow.
/// Catches: a max_in_flight of a million.
#[tokio::test(flavor = "multi_thread")]
async fn fault_ten_times_the_load_is_shed_in_bounded_memory() {
    const IN_FLIGHT: usize = 24;
    let house = House::new().await;
    let mut a = house.server("a").with("http.max_in_flight", IN_FLIGHT);
    a.start();
    house.sell(&a, 100_000).await;
    // Takes part in the first round, so that what is made once is made.
    storm(&house, &a, 10 * IN_FLIGHT).await;
    let before = memory_kb(a.pid());
    let mut done = 0;
    for _ in 0..4 {
        let foreign = house.take_append_lock().await;
        let shed = AtomicUsize::new(0);
        let buyers = async {
            let replies = counted_storm(&house, &a, 10 * IN_FLIGHT, &shed).await;
            let accepted = replies.iter().filter(|reply| reply.status == 201).count();
            assert_eq!(accepted, IN_FLIGHT);
            for reply in replies.iter().filter(|reply| reply.status != 201) {
                assert_eq!(reply.refusal(), "503 overloaded");
                assert!(reply.header("retry-after").is_some());
            }
            accepted
        };
        let probe = async {
            house.append_waits().await;
            // While no command can be done.
            until("what is too much is shed", async || shed.load(Ordering::Relaxed) == 9 * IN_FLIGHT).await;
            a.api(&house.client).get("/healthz").await.expect(200);
            drop(foreign);
        };
        let (accepted, ()) = tokio::join!(buyers, probe);
        done += accepted;
    }
    let after = memory_kb(a.pid());
    assert!(after < before + 64 * 1024, "{before} kB before, {after} kB after");
    assert!(house.log().await.orders().len() >= done);
}

async fn storm(house: &House, server: &Daybook, buyers: usize) -> Vec<Reply> {
    counted_storm(house, server, buyers, &AtomicUsize::new(0)).await
}

/// Counts those who were turned away, as soon as they are.
async fn counted_storm(house: &House, server: &Daybook, buyers: usize, shed: &AtomicUsize) -> Vec<Reply> {
    let buyers = (0..buyers).map(|number| {
        let buyer = house.by(server, &format!("buyer-{number}"), Role::Customer);
        async move {
            let reply = buyer.post("/v1/orders", teapots(1)).await;
            if reply.status == 503 {
                shed.fetch_add(1, Ordering::Relaxed);
            }
            reply
        }
    });
    join_all(buyers).await
}

/// What it has in memory.
fn memory_kb(pid: u32) -> u64 {
    let listed = std::process::Command::new("ps").args(["-o", "rss=", "-p", &pid.to_string()]).output();
    let text = String::from_utf8(listed.unwrap().stdout).unwrap();
    text.trim().parse().unwrap()
}
