//! A repeated command is not asked to change nothing here: receiving ten pieces twice is receiving
//! twenty. What keeps a repeat away is the order, which ends each of its promises once, and the
//! idempotency key, which is required wherever stock moves.

use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::*;
use crate::{
    decider::{Decider, fold},
    testing::{History, given, stored_and_read},
};

fn order(number: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(number))
}

fn reason(text: &str) -> Reason {
    text.parse().expect("a reason")
}

fn received(quantity: i64) -> Event {
    Event::Received { quantity, reference: None }
}

fn held(quantity: i64) -> Event {
    Event::Held { order: order(1), quantity }
}

fn allocated(quantity: i64) -> Event {
    Event::Allocated { order: order(1), quantity }
}

fn receive(quantity: i64) -> Command {
    Command::Receive { quantity, reference: None }
}

fn adjust(delta: i64) -> Command {
    Command::Adjust { delta, reason: reason("counted") }
}

fn hold(quantity: i64) -> Command {
    Command::Hold { order: order(1), quantity }
}

#[test]
fn pieces_come_in() {
    let reference: Reference = "delivery note 12".parse().expect("a reference");
    given::<Stock>([])
        .when(Command::Receive { quantity: 10, reference: Some(reference.clone()) })
        .then([Event::Received { quantity: 10, reference: Some(reference) }]);
    assert_eq!(fold::<Stock>(&[received(10), received(5)]).on_hand, 15);
}

#[test]
fn more_than_can_be_counted_is_refused() {
    given::<Stock>([received(MAX_ON_HAND)]).when(receive(1)).rejected(Rejection::TooMuch);
    given::<Stock>([received(MAX_ON_HAND)]).when(receive(i64::MAX)).rejected(Rejection::TooMuch);
    given::<Stock>([received(MAX_ON_HAND)]).when(adjust(1)).rejected(Rejection::TooMuch);
    given::<Stock>([received(1)]).when(receive(MAX_ON_HAND - 1)).then([received(MAX_ON_HAND - 1)]);
}

#[test]
fn a_count_can_be_corrected_both_ways() {
    given::<Stock>([received(10)])
        .when(adjust(3))
        .then([Event::Adjusted { delta: 3, reason: reason("counted") }]);
    given::<Stock>([received(10)])
        .when(adjust(-10))
        .then([Event::Adjusted { delta: -10, reason: reason("counted") }]);
    assert_eq!(
        fold::<Stock>(&[received(10), Event::Adjusted { delta: -4, reason: reason("lost") }]).on_hand,
        6
    );
}

#[test]
fn an_adjustment_of_nothing_is_refused() {
    given::<Stock>([received(10)]).when(adjust(0)).rejected(Rejection::NothingToAdjust);
}

#[test]
fn what_is_promised_cannot_be_adjusted_away() {
    given::<Stock>([received(10), held(3), allocated(2)])
        .when(adjust(-8))
        .rejected(Rejection::Insufficient { available: 7, requested: 8 });
    given::<Stock>([received(10), held(3), allocated(2)])
        .when(adjust(-7))
        .then([Event::Adjusted { delta: -7, reason: reason("counted") }]);
}

#[test]
fn the_smallest_number_does_not_overflow() {
    given::<Stock>([received(10)]).when(adjust(i64::MIN)).rejected(Rejection::TooMuch);
    given::<Stock>([received(10)])
        .when(adjust(i64::MIN + 1))
        .rejected(Rejection::Insufficient { available: 10, requested: i64::MAX });
}

#[test]
fn what_is_available_can_be_held() {
    given::<Stock>([received(10)]).when(hold(10)).then([held(10)]);
    let stock: Stock = fold(&[received(10), held(4)]);
    assert_eq!(stock, Stock { on_hand: 10, held: 4, allocated: 0 });
    assert_eq!(stock.available(), 6);
}

#[test]
fn the_last_piece_is_not_held_twice() {
    given::<Stock>([received(1), held(1)])
        .when(hold(1))
        .rejected(Rejection::Insufficient { available: 0, requested: 1 });
    given::<Stock>([]).when(hold(1)).rejected(Rejection::Insufficient { available: 0, requested: 1 });
}

#[test]
fn allocated_pieces_are_not_available() {
    given::<Stock>([received(5), held(4), allocated(4)])
        .when(hold(2))
        .rejected(Rejection::Insufficient { available: 1, requested: 2 });
}

#[test]
fn a_hold_can_be_released() {
    let release = Command::ReleaseHold { order: order(1), quantity: 4 };
    let released = Event::HoldReleased { order: order(1), quantity: 4 };
    given::<Stock>([received(10), held(4)]).when(release).then([released.clone()]);
    assert_eq!(fold::<Stock>(&[received(10), held(4), released]).available(), 10);
}

#[test]
fn a_hold_cannot_be_released_twice() {
    let release = Command::ReleaseHold { order: order(1), quantity: 4 };
    let released = Event::HoldReleased { order: order(1), quantity: 4 };
    given::<Stock>([received(10), held(4), released])
        .when(release)
        .rejected(Rejection::NotPromised { promised: 0, requested: 4 });
}

#[test]
fn a_hold_becomes_an_allocation() {
    let allocate = Command::Allocate { order: order(1), quantity: 4 };
    given::<Stock>([received(10), held(4)]).when(allocate).then([allocated(4)]);
    let stock: Stock = fold(&[received(10), held(4), allocated(4)]);
    assert_eq!(stock, Stock { on_hand: 10, held: 0, allocated: 4 });
}

#[test]
fn what_is_not_held_cannot_be_allocated() {
    let allocate = Command::Allocate { order: order(1), quantity: 5 };
    given::<Stock>([received(10), held(4)])
        .when(allocate)
        .rejected(Rejection::NotPromised { promised: 4, requested: 5 });
}

#[test]
fn an_allocation_can_be_released() {
    let release = Command::ReleaseAllocation { order: order(1), quantity: 4 };
    let released = Event::AllocationReleased { order: order(1), quantity: 4 };
    given::<Stock>([received(10), held(4), allocated(4)]).when(release).then([released.clone()]);
    assert_eq!(fold::<Stock>(&[received(10), held(4), allocated(4), released]).available(), 10);
}

#[test]
fn a_hold_is_not_released_as_an_allocation() {
    let release = Command::ReleaseAllocation { order: order(1), quantity: 4 };
    given::<Stock>([received(10), held(4)])
        .when(release)
        .rejected(Rejection::NotPromised { promised: 0, requested: 4 });
}

#[test]
fn shipping_lowers_what_is_on_hand_and_what_is_allocated_together() {
    let ship = Command::Ship { order: order(1), quantity: 3 };
    let shipped = Event::Shipped { order: order(1), quantity: 3 };
    given::<Stock>([received(10), held(4), allocated(4)]).when(ship).then([shipped.clone()]);
    let stock: Stock = fold(&[received(10), held(4), allocated(4), shipped]);
    assert_eq!(stock, Stock { on_hand: 7, held: 0, allocated: 1 });
}

#[test]
fn what_is_only_held_cannot_be_shipped() {
    given::<Stock>([received(10), held(4)])
        .when(Command::Ship { order: order(1), quantity: 1 })
        .rejected(Rejection::NotPromised { promised: 0, requested: 1 });
}

#[test]
fn quantities_are_positive() {
    let given = || given::<Stock>([received(10), held(4), allocated(2)]);
    for quantity in [0, -1, i64::MIN] {
        let order = order(1);
        for command in [
            receive(quantity),
            Command::Hold { order, quantity },
            Command::ReleaseHold { order, quantity },
            Command::Allocate { order, quantity },
            Command::ReleaseAllocation { order, quantity },
            Command::Ship { order, quantity },
        ] {
            given().when(command).rejected(Rejection::NotPositive);
        }
    }
}

#[test]
fn each_rejection_has_its_code() {
    use decider::Rejection as R;
    let codes = [
        (Rejection::Insufficient { available: 0, requested: 1 }, "insufficient_stock"),
        (Rejection::Fewer { requested: 1 }, "insufficient_stock"),
        (Rejection::NotPositive, "validation_failed"),
        (Rejection::TooMuch, "stock_out_of_range"),
        (Rejection::NothingToAdjust, "nothing_to_adjust"),
        (Rejection::NotPromised { promised: 0, requested: 1 }, "stock_not_promised"),
        (Rejection::FewerPromised { requested: 1 }, "stock_not_promised"),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code().as_str(), code);
        assert!(<Rejection as R>::CODES.contains(&rejection.code()));
    }
}

#[test]
fn no_figure_of_the_stock_is_told_to_everyone() {
    use decider::Rejection as R;
    for rejection in [
        Rejection::Insufficient { available: 7431, requested: 9000 },
        Rejection::NotPromised { promised: 7431, requested: 9000 },
    ] {
        assert!(rejection.to_string().contains("7431"));
        let guarded = rejection.guarded().expect("not for everyone");
        assert_eq!(guarded.demand.action, Action::ReadStock);
        assert_eq!(guarded.otherwise.code(), rejection.code());
        assert!(!guarded.otherwise.to_string().contains("7431"), "{}", guarded.otherwise);
        assert_eq!(guarded.otherwise.guarded(), None);
    }
}

fn any_quantity() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 1..20_i64,
        1 => -3..=0_i64,
        1 => prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(MAX_ON_HAND), Just(MAX_ON_HAND - 5)],
    ]
}

fn any_command() -> impl Strategy<Value = Command> {
    let order = (1..4_u128).prop_map(order);
    (0..8, any_quantity(), order).prop_map(|(kind, quantity, order)| match kind {
        0 => receive(quantity),
        1 => adjust(quantity),
        2 => adjust(quantity.checked_neg().unwrap_or(quantity)),
        3 => Command::Hold { order, quantity },
        4 => Command::ReleaseHold { order, quantity },
        5 => Command::Allocate { order, quantity },
        6 => Command::ReleaseAllocation { order, quantity },
        _ => Command::Ship { order, quantity },
    })
}

proptest! {
    /// Also after each prefix: a history is extended one command at a time.
    #[test]
    fn stock_is_never_negative_and_never_promised_twice(commands in vec(any_command(), 0..60)) {
        let mut stock = History::<Stock>::new();
        for command in commands {
            stock.ask(command);
            let Stock { on_hand, held, allocated } = stock.state;
            prop_assert!(on_hand >= 0 && held >= 0 && allocated >= 0, "{:?}", stock.state);
            prop_assert!(held + allocated <= on_hand, "{:?}", stock.state);
            prop_assert!(on_hand <= MAX_ON_HAND, "{:?}", stock.state);
        }
    }

    #[test]
    fn no_command_is_accepted_without_an_event(before in vec(any_command(), 0..30), command in any_command()) {
        let stock = History::<Stock>::of(before).state;
        prop_assert!(stock.decide(command).map_or(true, |events| events.len() == 1));
    }

    #[test]
    fn pieces_are_neither_made_nor_lost(commands in vec(any_command(), 0..60)) {
        let stock = History::<Stock>::of(commands);
        let came_minus_went: i64 = stock.events.iter().map(|event| match event {
            Event::Received { quantity, .. } => *quantity,
            Event::Adjusted { delta, .. } => *delta,
            Event::Shipped { quantity, .. } => -quantity,
            Event::Held { .. }
            | Event::HoldReleased { .. }
            | Event::Allocated { .. }
            | Event::AllocationReleased { .. } => 0,
        }).sum();
        prop_assert_eq!(stock.state.on_hand, came_minus_went);
    }

    #[test]
    fn the_log_gives_back_the_same_stock(commands in vec(any_command(), 0..30)) {
        let stock = History::<Stock>::of(commands);
        let events = stored_and_read::<Stock>(&stock.events);
        prop_assert_eq!(&events, &stock.events);
        prop_assert_eq!(fold::<Stock>(&events), stock.state);
    }

    #[test]
    fn a_state_survives_being_written_down(commands in vec(any_command(), 0..30)) {
        let state = History::<Stock>::of(commands).state;
        let text = serde_json::to_string(&state).expect("states serialize");
        prop_assert_eq!(serde_json::from_str::<Stock>(&text).expect("and back"), state);
    }
}
