//! What happens at each limit.

use std::time::{Duration, Instant};

use daybook_commands::{Context, Failure, Settings, products::SetPrice};
use daybook_domain::{
    policy::Role,
    settings::{Size, Span},
};
use daybook_tests::{
    Log, Shop, TestDatabase,
    metrics::counted,
    shop::{Answer, ask, by, euros, failed, keyed, order, order_id, sku},
    until,
};
use tokio::task::JoinSet;

use super::{
    buyers::stocked,
    faults::{give_append_lock, take_append_lock},
};

fn buy(buyers: &mut JoinSet<Answer>, shop: &Shop, context: Context) {
    let commands = shop.commands.clone();
    buyers.spawn(async move { ask(&commands, context, order(&[("TEAPOT", 1)])).await });
}

async fn beyond_the_limit(settings: Settings, fit: usize) {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "shop", settings).await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let mut buyers = JoinSet::new();
    for _ in 0..fit + 6 {
        buy(&mut buyers, &shop, by(Role::Customer));
    }
    // Those that don't fit are answered while the others wait for the lock.
    for _ in 0..6 {
        assert_eq!(failed(buyers.join_next().await.unwrap().unwrap()), Failure::Overloaded);
    }
    give_append_lock(&mut foreign).await;
    let others = buyers.join_all().await;
    assert_eq!(others.len(), fit);
    assert!(others.iter().all(Result::is_ok));
    // There is room again.
    shop.buy("TEAPOT", 1).await.unwrap();
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.orders().len(), fit + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_beyond_the_number_that_may_wait_are_turned_away() {
    beyond_the_limit(Settings { max_queued_commands: 4, ..Settings::default() }, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_beyond_the_bytes_that_may_wait_are_turned_away() {
    // An order of one line is counted as about 1.25 kB: itself, and the text of its JSON twice.
    beyond_the_limit(Settings { max_queued_size: Size::bytes(4_000), ..Settings::default() }, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_its_limits_and_loses_nobody() {
    let limits = [
        (1, 4_096, Size::mib(4)),
        (512, 1, Size::mib(4)),
        (512, 4_096, Size::bytes(1)),
        (3, 4, Size::kib(4)),
    ];
    for (max_batch_commands, max_batch_events, max_batch_size) in limits {
        let database = TestDatabase::new().await;
        let settings =
            Settings { max_batch_commands, max_batch_events, max_batch_size, ..Settings::default() };
        let shop = stocked(&database, "shop", settings).await;
        let mut buyers = JoinSet::new();
        for _ in 0..50 {
            buy(&mut buyers, &shop, by(Role::Customer));
        }
        assert!(buyers.join_all().await.iter().all(Result::is_ok));
        shop.close().await;
        assert_eq!(Log::check(&database.superuser).await.sold("TEAPOT"), 50);
    }
}

/// Slower than a large one, but neither wrong nor stuck.
#[tokio::test(flavor = "multi_thread")]
async fn a_working_set_that_is_too_small_is_no_more_than_slow() {
    let database = TestDatabase::new().await;
    let small = Settings { working_set_streams: 10, ..Settings::default() };
    let shop = Shop::open_with(&database.app_url(), "shop", small);
    let codes: Vec<String> = (0..12).map(|number| format!("P{number}")).collect();
    for code in &codes {
        shop.sell(code, 100).await;
        shop.receive(code, 1_000).await.unwrap();
    }
    let mut buyers = JoinSet::new();
    for buyer in 0..60 {
        let commands = shop.commands.clone();
        let lines = [(codes[buyer % 12].clone(), 1), (codes[(buyer * 5 + 1) % 12].clone(), 2)];
        buyers.spawn(async move {
            let lines: Vec<(&str, i64)> = lines.iter().map(|(code, count)| (code.as_str(), *count)).collect();
            ask(&commands, by(Role::Customer), order(&lines)).await
        });
    }
    for answer in buyers.join_all().await {
        answer.unwrap();
    }
    shop.close().await;
    let log = Log::check(&database.superuser).await;
    assert_eq!(codes.iter().map(|code| log.sold(code)).sum::<i64>(), 60 * 3);
}

/// Orders of many lines fall out of a set that has room for their number, and are read again. Catches: a
/// set that is bounded by the number of its streams alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_working_set_is_bounded_by_its_weight() {
    for (bytes, expected) in [(50_000_u32, true), (100_000_000, false)] {
        let database = TestDatabase::new().await;
        let settings = Settings { working_set_size: Size::bytes(bytes.into()), ..Settings::default() };
        let shop = stocked(&database, "shop", settings).await;
        let lines = [("TEAPOT", 1); 300];
        let mut placed = Vec::new();
        for _ in 0..3 {
            placed.push(shop.place(by(Role::Customer), order(&lines)).await.unwrap());
        }
        for _ in 0..10 {
            shop.place(by(Role::Customer), order(&[("TEAPOT", 1)])).await.unwrap();
        }
        assert!(counted("daybook_committer_working_set_bytes") < 1.1 * f64::from(bytes));
        let before = counted("daybook_committer_streams_loaded_total");
        for placed in &placed {
            shop.confirm(order_id(placed)).await.unwrap();
        }
        let is_read_again = counted("daybook_committer_streams_loaded_total") > before;
        assert_eq!(is_read_again, expected, "{bytes}");
        shop.close().await;
        Log::check(&database.superuser).await;
    }
}

/// While a new price is being appended, its product falls out of the working set and is read again: the
/// log still has the old price. Catches: what was read being taken for the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_falls_out_while_it_is_appended_is_not_confused_with_the_one_before() {
    let database = TestDatabase::new().await;
    let tiny = Settings { working_set_streams: 4, ..Settings::default() };
    let shop = stocked(&database, "shop", tiny).await;
    for code in ["CUP", "SAUCER", "SPOON", "TRAY"] {
        shop.sell(code, 100).await;
        shop.receive(code, 10).await.unwrap();
    }
    shop.buy("TEAPOT", 1).await.unwrap();
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let mut tasks = JoinSet::new();
    let commands = shop.commands.clone();
    tasks.spawn(async move {
        ask(&commands, by(Role::Merchandiser), SetPrice { sku: sku("TEAPOT"), price: euros(5) }).await
    });
    until("the new price waits to be appended", async || database.waiting_for_lock("shop").await == 1).await;
    let last_load = "SELECT coalesce(max(extract(epoch FROM query_start) * 1000000), 0)::bigint
                       FROM pg_stat_activity WHERE datname = current_database()
                        AND application_name = 'loading' AND state = 'idle'";
    // When the tray has been read, the teapot before it has been decided.
    for (code, is_read) in
        [("CUP", true), ("SAUCER", true), ("SPOON", true), ("TEAPOT", false), ("TRAY", true)]
    {
        let before = database.count(last_load).await;
        let (commands, order) = (shop.commands.clone(), order(&[(code, 1)]));
        tasks.spawn(async move { ask(&commands, by(Role::Customer), order).await });
        if is_read {
            until("its streams have been read", async || database.count(last_load).await > before).await;
        }
    }
    give_append_lock(&mut foreign).await;
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    shop.close().await;
    Log::check(&database.superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_time_is_over_may_still_be_done_and_a_repeat_tells() {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "shop", Settings::default()).await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let soon = Instant::now() + Duration::from_millis(200);
    let hasty = Context { deadline: soon, ..keyed(by(Role::Customer), "K") };
    let answer = shop.place(hasty, order(&[("TEAPOT", 1)])).await;
    assert_eq!(failed(answer), Failure::DeadlineExceeded);
    give_append_lock(&mut foreign).await;
    // While the first is under way the key is taken; then its answer is known.
    let mut repeated = None;
    while repeated.is_none() {
        match shop.place(keyed(by(Role::Customer), "K"), order(&[("TEAPOT", 1)])).await {
            Ok(accepted) => repeated = Some(accepted),
            refusal => assert_eq!(daybook_tests::shop::refused(refusal), "idempotency_in_flight"),
        }
    }
    assert!(repeated.unwrap().replayed);
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.orders().len(), 1);
}

#[tokio::test]
async fn a_command_that_comes_too_late_is_not_begun() {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "shop", Settings::default()).await;
    let late = Context { deadline: Instant::now(), ..by(Role::Customer) };
    assert_eq!(failed(shop.place(late, order(&[("TEAPOT", 1)])).await), Failure::DeadlineExceeded);
    shop.buy("TEAPOT", 1).await.unwrap();
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_answers_what_is_under_way_and_takes_nothing_more() {
    let database = TestDatabase::new().await;
    let shop = stocked(&database, "shop", Settings::default()).await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    let mut buyers = JoinSet::new();
    for _ in 0..20 {
        buy(&mut buyers, &shop, by(Role::Customer));
    }
    until("the append waits", async || database.waiting_for_lock("shop").await == 1).await;
    let commands = shop.commands.clone();
    let mut closing = JoinSet::new();
    closing.spawn(shop.close());
    until("no command is taken any more", async || !commands.is_open()).await;
    let late = ask(&commands, by(Role::Customer), order(&[("TEAPOT", 1)])).await;
    assert_eq!(failed(late), Failure::Unavailable);
    give_append_lock(&mut foreign).await;
    assert!(buyers.join_all().await.iter().all(Result::is_ok));
    closing.join_next().await.unwrap().unwrap();
    assert_eq!(Log::check(&database.superuser).await.orders().len(), 20);
}

/// The lock is not waited for for ever, and what was turned away didn't happen.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_lock_that_is_never_given_back_turns_commands_away() {
    let database = TestDatabase::new().await;
    let settings = Settings { append_timeout: Span::millis(300), ..Settings::default() };
    let shop = Shop::open_with(&database.app_url(), "shop", settings);
    shop.sell("TEAPOT", 1999).await;
    let mut foreign = database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    assert_eq!(failed(shop.receive("TEAPOT", 1).await), Failure::Unavailable);
    give_append_lock(&mut foreign).await;
    shop.receive("TEAPOT", 1).await.unwrap();
    shop.close().await;
    assert_eq!(Log::check(&database.superuser).await.stock("TEAPOT").on_hand, 1);
}
