//! The same key gets the same answer, and the thing is done once.

use std::collections::HashMap;

use daybook_commands::{
    Context, Settings,
    orders::PlaceOrderRequest,
    products::{PublishProduct, SetPrice},
};
use daybook_domain::{
    policy::{Actor, Role},
    settings::Span,
};
use daybook_tests::{
    Log, Proxy, Shop, TestDatabase,
    metrics::counted,
    proxy::Weather,
    shop::{Accepted, Answer, ask, by, euros, keyed, order, order_id, refused, sku},
    until,
};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::faults::{give_append_lock, take_append_lock};

fn alice(key: &str) -> Context {
    keyed(by(Role::Customer), key)
}

/// What must be the same in a repeat.
fn told(accepted: &Accepted) -> Accepted {
    Accepted { replayed: false, ..accepted.clone() }
}

struct Two {
    database: TestDatabase,
    a: Shop,
    b: Shop,
}

/// Two processes on one database, and ten teapots. Both have the streams of that in memory, so they don't look the key
/// of an order up that they don't expect to be a repeat.
async fn two() -> Two {
    let database = TestDatabase::new().await;
    let a = Shop::open(&database.app_url(), "a");
    let b = Shop::open(&database.app_url(), "b");
    a.sell("TEAPOT", 1999).await;
    a.receive("TEAPOT", 10).await.unwrap();
    for shop in [&a, &b] {
        assert_eq!(refused(shop.buy("TEAPOT", 11).await), "insufficient_stock");
    }
    Two { database, a, b }
}

impl Two {
    async fn close(self) -> Log {
        self.a.close().await;
        self.b.close().await;
        Log::check(&self.database.superuser).await
    }
}

/// Catches: keys_not_stored.
#[tokio::test]
async fn a_repeat_gets_the_same_bytes_from_every_process() {
    let two = two().await;
    let first = two.a.place(alice("K"), order(&[("TEAPOT", 2)])).await.unwrap();
    assert!(!first.replayed);
    two.a.receive("TEAPOT", 1).await.unwrap();
    for shop in [&two.a, &two.b, &two.a, &two.b] {
        let repeat = shop.place(alice("K"), order(&[("TEAPOT", 2)])).await.unwrap();
        assert!(repeat.replayed);
        assert_eq!(told(&repeat), told(&first));
    }
    let log = two.close().await;
    assert_eq!(log.orders().len(), 1);
}

/// Catches: keys_not_stored.
#[tokio::test]
async fn a_key_stands_for_one_request() {
    let two = two().await;
    two.a.place(alice("K"), order(&[("TEAPOT", 2)])).await.unwrap();
    for shop in [&two.a, &two.b] {
        let other = shop.place(alice("K"), order(&[("TEAPOT", 3)])).await;
        assert_eq!(refused(other), "idempotency_key_reused");
    }
    assert_eq!(two.close().await.orders().len(), 1);
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let two = two().await;
    let bob = Actor { subject: "bob".into(), ..by(Role::Customer).actor };
    let first = two.a.place(alice("K"), order(&[("TEAPOT", 1)])).await.unwrap();
    let bobs = Context { actor: bob, ..alice("K") };
    let other = two.b.place(bobs, order(&[("TEAPOT", 1)])).await.unwrap();
    assert!(!other.replayed);
    assert_ne!(first.id, other.id);
    two.close().await;
}

/// A no-op appends nothing, but its answer is kept: what was true then is what is told again.
/// Catches: keys_not_stored.
#[tokio::test]
async fn a_command_that_changed_nothing_is_replayed_too() {
    let two = two().await;
    let publish = |shop: Shop| async move {
        let context = keyed(by(Role::Merchandiser), "P");
        let answer = ask(&shop.commands, context, PublishProduct { sku: sku("TEAPOT") }).await.unwrap();
        (shop, answer)
    };
    let Two { database, a, b } = two;
    let (a, first) = publish(a).await;
    assert!(!first.replayed);
    a.set_price("TEAPOT", 5).await.unwrap();
    let (a, again) = publish(a).await;
    let (b, elsewhere) = publish(b).await;
    assert!(again.replayed && elsewhere.replayed);
    assert_eq!(told(&again), told(&first));
    assert_eq!(told(&elsewhere), told(&first));
    Two { database, a, b }.close().await;
}

/// Catches: no_expectations, keys_not_stored.
#[tokio::test]
async fn a_refusal_is_not_kept() {
    let two = two().await;
    let dear = || order(&[("TEAPOT", 11)]);
    for shop in [&two.a, &two.b] {
        assert_eq!(refused(shop.place(alice("K"), dear()).await), "insufficient_stock");
    }
    assert_eq!(two.database.count("SELECT count(*) FROM idempotency_keys").await, 0);
    two.a.receive("TEAPOT", 1).await.unwrap();
    assert!(!two.b.place(alice("K"), dear()).await.unwrap().replayed);
    assert!(two.a.place(alice("K"), dear()).await.unwrap().replayed);
    two.close().await;
}

/// Its own success is what makes the repeat impossible: told as a refusal, the client would believe
/// that it has no order. Catches: keys_of_refusals_not_looked_at, keys_not_stored.
#[tokio::test]
async fn a_repeat_is_told_of_its_success_though_the_stock_is_gone() {
    let two = two().await;
    let all = || order(&[("TEAPOT", 10)]);
    let first = two.a.place(alice("K"), all()).await.unwrap();
    for shop in [&two.a, &two.b] {
        assert_eq!(refused(shop.place(alice("L"), all()).await), "insufficient_stock");
        let repeat = shop.place(alice("K"), all()).await.unwrap();
        assert_eq!((told(&repeat), repeat.replayed), (told(&first), true));
    }
    two.close().await;
}

/// Catches: keys_of_refusals_not_looked_at, keys_not_stored.
#[tokio::test]
async fn a_repeat_is_told_of_its_success_though_the_version_has_moved() {
    let two = two().await;
    let set = |shop: &Shop, key: &str| {
        let context = Context { if_match: Some(vec![2]), ..keyed(by(Role::Merchandiser), key) };
        let commands = shop.commands.clone();
        async move { ask(&commands, context, SetPrice { sku: sku("TEAPOT"), price: euros(7) }).await }
    };
    let first = set(&two.a, "K").await.unwrap();
    for shop in [&two.a, &two.b] {
        assert_eq!(refused(set(shop, "L").await), "stale_version");
        let repeat = set(shop, "K").await.unwrap();
        assert_eq!((told(&repeat), repeat.replayed), (told(&first), true));
    }
    two.close().await;
}

const DECIDED_AGAIN: &str = "daybook_committer_redecided_batches_total";
const LOOKED_UP: &str = "daybook_committer_keys_looked_up_total";

/// Alice asks for a teapot under each of these keys at once, and all are answered.
async fn at_once_under(shop: &Shop, keys: impl Iterator<Item = String>) -> HashMap<String, Accepted> {
    let mut asked = JoinSet::new();
    for key in keys {
        let commands = shop.commands.clone();
        asked.spawn(async move {
            let answer = ask(&commands, alice(&key), order(&[("TEAPOT", 1)])).await;
            (key, answer.unwrap())
        });
    }
    asked.join_all().await.into_iter().collect()
}

/// Every fifth command of many at once is a repeat of what this process has done: the others aren't decided twice
/// for that. Catches: repeats that only the append finds.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_take_no_others_with_them() {
    let two = two().await;
    two.a.receive("TEAPOT", 10_000).await.unwrap();
    let first = at_once_under(&two.a, (0..500).map(|number| format!("K{number}"))).await;
    let before = counted(DECIDED_AGAIN);
    for round in 0..5 {
        let known = (0..20).map(|number| format!("K{}", 100 * round + number));
        let new = (0..80).map(|number| format!("new-{round}-{number}"));
        let answers = at_once_under(&two.a, known.chain(new)).await;
        for (key, answer) in answers {
            assert_eq!(answer.replayed, first.contains_key(&key), "{key}");
            assert!(first.get(&key).is_none_or(|first| told(first) == told(&answer)), "{key}");
        }
    }
    let other = two.a.place(alice("K0"), order(&[("TEAPOT", 2)])).await;
    assert_eq!(refused(other), "idempotency_key_reused");
    assert_eq!(counted(DECIDED_AGAIN), before);
    assert_eq!(two.close().await.orders().len(), 900);
}

/// This process can't know another one's keys, and the first repeat shows that there are such.
/// Catches: repeats that only the append finds; a process that knows only its own keys.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_of_what_another_process_did_take_others_with_them_once() {
    let two = two().await;
    two.a.receive("TEAPOT", 10_000).await.unwrap();
    let first = at_once_under(&two.a, (0..100).map(|number| format!("K{number}"))).await;
    at_once_under(&two.b, (0..100).map(|number| format!("new-{number}"))).await;
    let before = counted(DECIDED_AGAIN);
    for (number, (key, first)) in first.iter().enumerate() {
        let answers = at_once_under(&two.b, [key.clone(), format!("beside-{number}")].into_iter()).await;
        assert_eq!((told(&answers[key]), answers[key].replayed), (told(first), true));
    }
    assert_eq!(counted(DECIDED_AGAIN) - before, 1.0);
    assert_eq!(two.close().await.orders().len(), 300);
}

/// A client repeats at the process that has just been started what the former one has done: it has no streams in
/// memory. Catches: repeats that only the append finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_just_started_finds_repeats() {
    let two = two().await;
    let first = two.a.place(alice("K"), order(&[("TEAPOT", 1)])).await.unwrap();
    let started = Shop::open(&two.database.app_url(), "started");
    let before = counted(DECIDED_AGAIN);
    let repeat = started.place(alice("K"), order(&[("TEAPOT", 1)])).await.unwrap();
    assert_eq!((told(&repeat), repeat.replayed), (told(&first), true));
    assert_eq!(counted(DECIDED_AGAIN), before);
    started.close().await;
    two.close().await;
}

/// Both processes have the same command, and neither can know of the other's: only the append tells.
/// Catches: keys_of_refusals_not_looked_at, keys_not_stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_after_it_was_looked_up_is_answered_as_it_was_taken() {
    let two = two().await;
    two.a.receive("TEAPOT", 2).await.unwrap();
    // From now on, the second process looks keys up.
    two.a.place(alice("S"), order(&[("TEAPOT", 1)])).await.unwrap();
    assert!(two.b.place(alice("S"), order(&[("TEAPOT", 1)])).await.unwrap().replayed);
    let before = counted(LOOKED_UP);
    let mut foreign = two.database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let place = |shop: &Shop, key: &'static str| {
        let commands = shop.commands.clone();
        async move { ask(&commands, alice(key), order(&[("TEAPOT", 9)])).await }
    };
    let mut first = JoinSet::new();
    first.spawn(place(&two.a, "K"));
    until("the first append waits", async || two.database.waiting_for_lock("a").await == 1).await;
    let mut others = JoinSet::new();
    others.spawn(place(&two.b, "L"));
    until("the second append waits", async || two.database.waiting_for_lock("b").await == 1).await;
    // Refused, because of the order that waits before it.
    let mut repeat = JoinSet::new();
    repeat.spawn(place(&two.b, "K"));
    until("it has been looked up", async || counted(LOOKED_UP) - before >= 2.0).await;
    give_append_lock(&mut foreign).await;
    let first = first.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(refused(others.join_next().await.unwrap().unwrap()), "insufficient_stock");
    let repeat = repeat.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((told(&repeat), repeat.replayed), (told(&first), true));
    assert_eq!(two.close().await.orders().len(), 2);
}

/// The answer to the look-up never comes, but the append finds repeats, too.
/// Catches: commands that wait for a look-up as long as a statement may take.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_is_not_answered_holds_no_command_up() {
    /// Only a look-up names it on the way that loads take, whether its statement was prepared before or not.
    const KEY: &str = "a-key-that-is-looked-up";
    let database = TestDatabase::new().await;
    let mut proxy = Proxy::to(&database.app_url()).await;
    let patient = Settings { append_timeout: Span::minutes(5), ..Settings::default() };
    let shop = Shop::open_apart(&proxy.url(&database.app_url()), &database.app_url(), "a", patient);
    shop.sell("TEAPOT", 1999).await;
    shop.receive("TEAPOT", 10).await.unwrap();
    let first = shop.place(alice(KEY), order(&[("TEAPOT", 1)])).await.unwrap();
    proxy.set(Weather::BlackholeFrom(KEY));
    for _ in 0..3 {
        let repeat = shop.place(alice(KEY), order(&[("TEAPOT", 1)])).await.unwrap();
        assert_eq!((told(&repeat), repeat.replayed), (told(&first), true));
    }
    proxy.struck().await;
    shop.buy("TEAPOT", 1).await.unwrap();
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.orders().len(), 2);
}

/// Its session dies while it waits for the table. A key that was there already would answer for events
/// that are not. Catches: keys_stored_apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_stored_with_its_events_or_not_at_all() {
    let two = two().await;
    let mut foreign = two.database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE events IN SHARE MODE").await.unwrap();
    let commands = two.a.commands.clone();
    let mut buyer = JoinSet::new();
    buyer.spawn(async move { ask(&commands, alice("K"), order(&[("TEAPOT", 2)])).await });
    until("the append waits", async || two.database.waiting_for_lock("a").await == 1).await;
    two.database.kill_sessions("a").await;
    foreign.execute("ROLLBACK").await.unwrap();
    let placed = buyer.join_next().await.unwrap().unwrap().unwrap();
    let repeat = two.b.place(alice("K"), order(&[("TEAPOT", 2)])).await.unwrap();
    assert_eq!(told(&repeat), told(&placed));
    let log = two.close().await;
    assert_eq!(log.times_placed(order_id(&placed)), 1);
    assert_eq!(log.sold("TEAPOT"), 2);
}

/// Asks for the same on both at once, and returns what was told.
async fn at_once(two: &Two, times: u8, order_of: impl Fn() -> PlaceOrderRequest, key: &str) -> Vec<Answer> {
    let mut asked = JoinSet::new();
    for number in 0..times {
        let commands = if number % 2 == 0 { two.a.commands.clone() } else { two.b.commands.clone() };
        let (context, order) = (alice(key), order_of());
        asked.spawn(async move { ask(&commands, context, order).await });
    }
    asked.join_all().await
}

/// Catches: keys_not_stored, numbered_before_the_commit.
#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_with_one_key_one_is_done() {
    let two = two().await;
    for round in 0..10 {
        let key = format!("K{round}");
        let answers = at_once(&two, 20, || order(&[("TEAPOT", 1)]), &key).await;
        let mut told_once = None;
        let mut done = 0;
        for answer in answers {
            match answer {
                Ok(accepted) => {
                    done += usize::from(!accepted.replayed);
                    assert_eq!(*told_once.get_or_insert_with(|| told(&accepted)), told(&accepted));
                }
                refusal => assert_eq!(refused(refusal), "idempotency_in_flight"),
            }
        }
        assert_eq!(done, 1);
    }
    assert_eq!(two.close().await.orders().len(), 10);
}

/// While the first one waits for the append lock, its key is taken. Catches: no_lock.
#[tokio::test]
async fn a_key_that_is_being_worked_on_is_taken() {
    let two = two().await;
    let mut foreign = two.database.foreign_session().await;
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut foreign).await.unwrap();
    let commands = two.a.commands.clone();
    let mut first = JoinSet::new();
    first.spawn(async move { ask(&commands, alice("K"), order(&[("TEAPOT", 1)])).await });
    daybook_tests::until("the append waits", async || two.database.waiting_for_lock("a").await == 1).await;
    let second = two.a.place(alice("K"), order(&[("TEAPOT", 1)])).await;
    assert_eq!(refused(second), "idempotency_in_flight");
    let other = two.a.place(alice("K"), order(&[("TEAPOT", 2)])).await;
    assert_eq!(refused(other), "idempotency_key_reused");
    sqlx::query("SELECT pg_advisory_unlock(log_lock())").execute(&mut foreign).await.unwrap();
    assert!(first.join_next().await.unwrap().unwrap().is_ok());
    two.close().await;
}

/// Both processes have decided, and think that it is free, before either may append.
/// Catches: nothing_arbitrates.
#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_is_taken_once() {
    let two = two().await;
    let mut foreign = two.database.foreign_session().await;
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut foreign).await.unwrap();
    let mut asked = JoinSet::new();
    for number in 0..20 {
        let commands = if number % 2 == 0 { two.a.commands.clone() } else { two.b.commands.clone() };
        let named =
            PlaceOrderRequest { external_id: Some("536365".parse().unwrap()), ..order(&[("TEAPOT", 1)]) };
        asked.spawn(async move { ask(&commands, by(Role::Support), named).await });
    }
    daybook_tests::until("both appends wait", async || {
        two.database.waiting_for_lock("a").await + two.database.waiting_for_lock("b").await == 2
    })
    .await;
    sqlx::query("SELECT pg_advisory_unlock(log_lock())").execute(&mut foreign).await.unwrap();
    let answers = asked.join_all().await;
    let (placed, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(placed.len(), 1);
    for other in others {
        assert_eq!(refused(other), "already_exists");
    }
    let log = two.close().await;
    assert_eq!(log.orders().len(), 1);
    assert_eq!(log.stock("TEAPOT").held, 1);
}
