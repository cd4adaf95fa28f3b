//! Prices that hold for a time. Times are seconds after a moment.

use uuid::Uuid;

use super::*;

pub fn id(number: u128) -> PriceChangeId {
    PriceChangeId::new(Uuid::from_u128(number))
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
}

fn change(number: u128, price: Price, from: i64, until: Option<i64>) -> PriceChange {
    PriceChange { id: id(number), price, from: at(from), until: until.map(at) }
}

/// At the moment.
pub fn schedule(number: u128, price: Price, from: i64, until: Option<i64>) -> Command {
    Command::SchedulePrice { change: change(number, price, from, until), now: at(0) }
}

pub fn cancel(number: u128, now: i64) -> Command {
    Command::CancelPriceChange { id: id(number), now: at(now) }
}

fn scheduled(number: u128, price: Price, from: i64, until: Option<i64>) -> Event {
    Event::PriceScheduled(change(number, price, from, until))
}

fn price_at(product: &Product, currency: Currency, seconds: i64) -> Option<Price> {
    product.details().and_then(|product| product.price_at(currency, at(seconds)))
}

#[test]
fn a_price_holds_from_its_beginning_to_its_end_and_the_one_that_is_set_before_and_after() {
    given::<Product>([created()]).when(schedule(1, euros(999), 10, Some(20))).then([scheduled(
        1,
        euros(999),
        10,
        Some(20),
    )]);
    let product: Product = fold(&[created(), scheduled(1, euros(999), 10, Some(20))]);
    for (seconds, amount) in [(0, 1999), (9, 1999), (10, 999), (19, 999), (20, 1999)] {
        assert_eq!(price_at(&product, Currency::EUR, seconds), Some(euros(amount)), "{seconds}");
    }
    assert_eq!(price_at(&product, Currency::USD, 10), None);
}

#[test]
fn without_an_end_a_price_holds_until_it_is_cancelled() {
    let begun = [created(), scheduled(1, euros(999), 10, None), Event::PriceSet { price: euros(2499) }];
    let product: Product = fold(&begun);
    assert_eq!(price_at(&product, Currency::EUR, 1_000_000), Some(euros(999)));
    given::<Product>(begun.clone()).when(cancel(1, 50)).then([Event::PriceChangeCancelled { id: id(1) }]);
    let cancelled = begun.into_iter().chain([Event::PriceChangeCancelled { id: id(1) }]);
    let product: Product = fold(&cancelled.collect::<Vec<_>>());
    assert_eq!(price_at(&product, Currency::EUR, 50), Some(euros(2499)));
}

#[test]
fn what_has_ended_or_was_never_there_cannot_be_cancelled() {
    let ended = [created(), scheduled(1, euros(999), 10, Some(20))];
    given::<Product>(ended.clone()).when(cancel(1, 20)).rejected(Rejection::NoSuchPriceChange);
    given::<Product>(ended.clone()).when(cancel(2, 0)).rejected(Rejection::NoSuchPriceChange);
    given::<Product>(ended).when(cancel(1, 19)).then([Event::PriceChangeCancelled { id: id(1) }]);
}

#[test]
fn a_price_is_not_changed_for_the_past_nor_for_the_next_century() {
    let years = 3_653 * 86_400;
    for (from, until, wrong) in [
        (-61, None, InvalidTimes::BeginsInThePast),
        (years + 1, None, InvalidTimes::BeginsTooLate),
        (10, Some(10), InvalidTimes::EndsTooSoon),
        (10, Some(9), InvalidTimes::EndsTooSoon),
        (10, Some(years + 1), InvalidTimes::EndsTooLate),
    ] {
        let rejection = Rejection::PriceChangeTimes(wrong);
        given::<Product>([created()]).when(schedule(1, euros(1), from, until)).rejected(rejection);
    }
    for (from, until) in [(-60, None), (0, Some(1)), (years - 1, Some(years))] {
        given::<Product>([created()]).when(schedule(1, euros(1), from, until)).then([scheduled(
            1,
            euros(1),
            from,
            until,
        )]);
    }
}

#[test]
fn two_prices_in_one_currency_never_hold_at_once() {
    let before = [created(), scheduled(1, euros(999), 10, Some(20))];
    for (from, until) in
        [(5, Some(11)), (10, Some(20)), (12, Some(15)), (19, Some(25)), (5, None), (0, Some(30))]
    {
        given::<Product>(before.clone())
            .when(schedule(2, euros(1), from, until))
            .rejected(Rejection::PriceChangeOverlaps { other: id(1) });
        let dollars = price(1, Currency::USD);
        given::<Product>(before.clone())
            .when(schedule(2, dollars, from, until))
            .then([scheduled(2, dollars, from, until)]);
    }
    for (from, until) in [(5, Some(10)), (20, Some(25)), (20, None)] {
        given::<Product>(before.clone()).when(schedule(2, euros(1), from, until)).then([scheduled(
            2,
            euros(1),
            from,
            until,
        )]);
    }
}

#[test]
fn as_many_as_allowed_have_not_ended_and_those_that_have_make_room() {
    let changes = (0..).zip(0..20).map(|(number, n)| scheduled(number, euros(n), 10 + n, Some(11 + n)));
    let full: Vec<Event> = std::iter::once(created()).chain(changes).collect();
    let one_more = |now| Command::SchedulePrice { change: change(99, euros(99), 40, None), now: at(now) };
    given::<Product>(full.clone()).when(one_more(10)).rejected(Rejection::TooManyPriceChanges);
    given::<Product>(full.clone()).when(one_more(11)).then([scheduled(99, euros(99), 40, None)]);
    let product: Product = fold(full.iter().chain([&scheduled(99, euros(99), 40, None)]));
    for (seconds, amount) in [(11, 1), (29, 19), (30, 1999), (40, 99)] {
        assert_eq!(price_at(&product, Currency::EUR, seconds), Some(euros(amount)), "{seconds}");
    }
    assert_eq!(product.details().expect("it exists").price_changes.iter().count(), MAX_PRICE_CHANGES);
}

pub fn any_command() -> impl Strategy<Value = Command> {
    let until = proptest::option::of(-5..40_i64);
    let scheduled = (0..9_u128, any_price(), -70..30_i64, until);
    prop_oneof![
        scheduled.prop_map(|(number, price, from, until)| schedule(number, price, from, until)),
        (0..9_u128).prop_map(|number| cancel(number, 0)),
    ]
}

/// What is asked for as time goes by: begins so long from now, and holds so long.
#[derive(Debug, Clone)]
enum Asked {
    Schedule { price: Price, wait: i64, length: Option<i64> },
    Cancel { which: usize },
}

fn asked() -> impl Strategy<Value = Asked> {
    let length = prop_oneof![9 => (0..12_i64).prop_map(Some), 1 => Just(None)];
    let scheduled = (any_price(), -3..60_i64, length);
    prop_oneof![
        8 => scheduled.prop_map(|(price, wait, length)| Asked::Schedule { price, wait, length }),
        1 => (0..60_usize).prop_map(|which| Asked::Cancel { which }),
    ]
}

proptest! {
    /// Catches: one that is forgotten while it may still hold, and an end that belongs to two.
    #[test]
    fn the_price_at_a_time_is_what_a_search_through_all_price_changes_finds(
        steps in vec((0..6_i64, asked()), 0..80),
    ) {
        let mut product = History::<Product>::of([create()]);
        let (mut now, mut kept) = (0, Vec::<PriceChange>::new());
        for (number, (pause, asked)) in steps.into_iter().enumerate() {
            now += pause;
            match asked {
                Asked::Schedule { price, wait, length } => {
                    let until = length.map(|length| now + wait + length);
                    let change = change(number as u128, price, now + wait, until);
                    let command = Command::SchedulePrice { change: change.clone(), now: at(now) };
                    if !product.ask(command).is_empty() {
                        kept.push(change);
                    }
                }
                Asked::Cancel { which } => {
                    let id = id(which as u128);
                    if !product.ask(Command::CancelPriceChange { id, now: at(now) }).is_empty() {
                        kept.retain(|change| change.id != id);
                    }
                }
            }
            let open = kept.iter().filter(|change| change.until.is_none_or(|until| until > at(now)));
            prop_assert!(open.count() <= MAX_PRICE_CHANGES);
            for currency in [Currency::EUR, Currency::USD, Currency::JPY] {
                let of_it: Vec<_> = kept.iter().filter(|change| change.price.currency() == currency).collect();
                for time in (now..now + 80).map(at) {
                    let holding: Vec<_> = of_it
                        .iter()
                        .filter(|change| change.from <= time && change.until.is_none_or(|until| time < until))
                        .collect();
                    prop_assert!(holding.len() <= 1, "{holding:?}");
                    let details = product.state.details().expect("it exists");
                    let set = details.price_in(currency);
                    let found = holding.first().map(|change| change.price).or(set);
                    prop_assert_eq!(details.price_at(currency, time), found);
                }
            }
        }
    }
}
