//! The database server itself is killed or stopped.

use daybook_commands::{CommandError, Failure, Settings};
use daybook_domain::{ids::OrderId, policy::Role, settings::Span};
use daybook_tests::{
    Log, OwnPostgres, Shop, TestDatabase,
    shop::{ask_for, by, keyed, new_id, order, order_id},
};

use super::buyers::{Buyers, check, stocked};

fn impatient() -> Settings {
    Settings { append_timeout: Span::seconds(1), resolve_timeout: Span::seconds(20), ..Settings::default() }
}

/// Catches: asynchronous_commit.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_database_that_is_killed_under_load_keeps_what_it_acknowledged() {
    let mut postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    let a = stocked(&database, "a", impatient()).await;
    let b = Shop::open_with(&database.app_url(), "b", impatient());
    let buyers = Buyers::of(&[&a, &b]);
    for _ in 0..3 {
        buyers.progress(50).await;
        postgres.kill();
        postgres.restart();
    }
    buyers.progress(50).await;
    let orders = buyers.end().await;
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
    let settings = Settings { resolve_timeout: Span::millis(500), ..impatient() };
    let shop = stocked(&database, "shop", settings).await;
    for round in 0..2 {
        let context = || keyed(by(Role::Customer), &format!("K{round}"));
        let uuid = new_id();
        let id = OrderId::new(uuid);
        postgres.freeze();
        let answer = ask_for(&shop.commands, context(), order(&[("TEAPOT", 1)]), uuid).await;
        let Err(CommandError::Failed(failure)) = answer else { panic!("{answer:?}") };
        postgres.thaw();
        let repeated = loop {
            match shop.place(context(), order(&[("TEAPOT", 1)])).await {
                Ok(accepted) => break accepted,
                Err(CommandError::Failed(Failure::Unavailable | Failure::OutcomeUnknown)) => {}
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
