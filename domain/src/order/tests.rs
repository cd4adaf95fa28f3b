mod cancelled_lines;
mod claims;
mod expiry;
mod properties;
mod stock_moves;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::{
    decider::{Decider, fold},
    testing::{History, given, stored_and_read},
};

fn sku(text: &str) -> Sku {
    text.parse().expect("a SKU")
}

fn line(code: &str, quantity: i64, amount: i64) -> Line {
    Line {
        sku: sku(code),
        name: "Teapot".parse().expect("a name"),
        quantity: quantity.try_into().expect("in range"),
        unit_price: price(amount, Currency::EUR),
        list_price: None,
    }
}

fn price(amount: i64, currency: Currency) -> Price {
    Money::new(amount, currency).try_into().expect("in range")
}

fn euros(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn new_order(lines: Vec<Line>) -> Place {
    Place {
        customer: Some("alice".parse().expect("a customer")),
        lines,
        currency: Currency::EUR,
        override_reason: None,
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Metadata::default(),
        pay_until: None,
        terms: None,
        buyer: None,
    }
}

fn place(lines: Vec<Line>) -> Command {
    Command::Place(Box::new(new_order(lines)))
}

fn placement(lines: Vec<Line>) -> Placement {
    Placement {
        customer: Some("alice".parse().expect("a customer")),
        total: total(&lines, Currency::EUR).expect("small numbers"),
        lines,
        currency: Currency::EUR,
        override_reason: None,
        sealed_override_reason: None,
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Metadata::default(),
        pay_until: None,
        terms: None,
        buyer: None,
    }
}

/// Five teapots, and cups on two lines: two and three.
fn lines() -> Vec<Line> {
    vec![line("TEAPOT", 5, 1999), line("CUP", 2, 450), line("CUP", 3, 400)]
}

fn placed() -> Event {
    Event::Placed(Box::new(placement(lines())))
}

fn confirmed() -> Event {
    Event::Confirmed {}
}

fn cancelled() -> Event {
    Event::Cancelled { cause: None, reason: None, sealed_reason: None }
}

fn delivered() -> Event {
    Event::Delivered {}
}

fn parcel(line: usize, code: &str, quantity: i64) -> Parcel {
    Parcel { line, sku: sku(code), quantity }
}

fn shipped(parcels: Vec<Parcel>) -> Event {
    Event::Shipped { parcels, tracking: None, sealed_tracking: None, complete: false }
}

fn shipped_completely(parcels: Vec<Parcel>) -> Event {
    Event::Shipped { parcels, tracking: None, sealed_tracking: None, complete: true }
}

fn everything() -> Vec<Parcel> {
    vec![parcel(0, "TEAPOT", 5), parcel(1, "CUP", 2), parcel(2, "CUP", 3)]
}

fn ship(pieces: &[(&str, i64)]) -> Command {
    let pieces = pieces.iter().map(|(code, quantity)| Pieces {
        sku: sku(code),
        quantity: (*quantity).try_into().expect("in range"),
    });
    Command::Ship { pieces: Some(pieces.collect()), tracking: None }
}

fn ship_the_rest() -> Command {
    Command::Ship { pieces: None, tracking: None }
}

fn cancel() -> Command {
    Command::Cancel { reason: None }
}

fn cancel_lines(lines: &[(usize, i64)]) -> Command {
    let portion = |(line, quantity): &(usize, i64)| Portion {
        of: PortionOf::Line(*line),
        quantity: (*quantity).try_into().expect("in range"),
    };
    Command::CancelLines { portions: lines.iter().map(portion).collect(), reason: None }
}

fn lines_cancelled(parcels: Vec<Parcel>) -> Event {
    Event::LinesCancelled { parcels, reason: None, sealed_reason: None }
}

fn status(events: &[Event]) -> Status {
    fold::<Order>(events).details().expect("it exists").status
}

// ---- placing

#[test]
fn an_order_is_placed_with_all_that_was_known() {
    let sealed = |data: &str| Sealed { key_id: Uuid::from_u128(7), data: data.into() };
    let contact = Some(sealed("Y29udGFjdA=="));
    let ship_to = Some(sealed("c2hpcA=="));
    let external_id: Option<ExternalId> = Some("536365".parse().expect("an id"));
    let override_reason: Option<Reason> = Some("imported".parse().expect("a reason"));
    let pairs = BTreeMap::from([("channel".to_owned(), "phone".to_owned())]);
    let metadata: Metadata = pairs.try_into().expect("a pair");
    let order = Place {
        contact: contact.clone(),
        ship_to: ship_to.clone(),
        external_id: external_id.clone(),
        override_reason: override_reason.clone().map(Note::Clear),
        metadata: metadata.clone(),
        ..new_order(lines())
    };
    let everything =
        Placement { contact, ship_to, external_id, override_reason, metadata, ..placement(lines()) };
    given::<Order>([]).when(Command::Place(Box::new(order))).then([Event::Placed(Box::new(everything))]);
}

#[test]
fn lines_of_one_sku_are_kept_apart() {
    let order: Order = fold(&[placed()]);
    let lines: Vec<(String, i64)> = order
        .details()
        .expect("it exists")
        .lines
        .iter()
        .map(|line| (line.sku.to_string(), line.left()))
        .collect();
    assert_eq!(lines, [("TEAPOT".into(), 5), ("CUP".into(), 2), ("CUP".into(), 3)]);
}

#[test]
fn the_total_is_the_sum_of_the_lines() {
    assert_eq!(total(&lines(), Currency::EUR), Ok(euros(5 * 1999 + 2 * 450 + 3 * 400)));
}

#[test]
fn lines_of_one_sku_are_summed_for_the_stock() {
    let lines = lines();
    let pieces = pieces_by_sku(lines.iter().map(|line| (&line.sku, line.quantity.get())));
    assert_eq!(pieces, BTreeMap::from([(sku("TEAPOT"), 5), (sku("CUP"), 5)]));
}

#[test]
fn an_order_cannot_be_placed_twice() {
    given::<Order>([placed()]).when(place(lines())).rejected(Rejection::AlreadyExists);
    given::<Order>([placed(), cancelled()]).when(place(lines())).rejected(Rejection::AlreadyExists);
}

#[test]
fn an_order_has_at_least_one_line() {
    given::<Order>([]).when(place(vec![])).rejected(Rejection::LineCount);
}

#[test]
fn an_order_has_at_most_two_thousand_lines() {
    given::<Order>([]).when(place(vec![line("CUP", 1, 1); MAX_LINES + 1])).rejected(Rejection::LineCount);
    let most = vec![line("CUP", 1, 1); MAX_LINES];
    given::<Order>([]).when(place(most.clone())).then([Event::Placed(Box::new(placement(most)))]);
}

#[test]
fn all_lines_have_the_currency_of_the_order() {
    let dollars = Line { unit_price: price(5, Currency::USD), ..line("CUP", 1, 1) };
    given::<Order>([]).when(place(vec![line("TEAPOT", 1, 1), dollars])).rejected(Rejection::MixedCurrencies);
}

#[test]
fn a_total_that_cannot_be_counted_is_refused() {
    let dear = vec![line("CUP", 100_000, crate::money::MAX_PRICE_MINOR); 100];
    assert_eq!(total(&dear, Currency::EUR), Err(Rejection::TotalOutOfRange));
    given::<Order>([]).when(place(dear)).rejected(Rejection::TotalOutOfRange);
}

// ---- confirming

#[test]
fn a_placed_order_can_be_confirmed() {
    given::<Order>([placed()]).when(Command::Confirm).then([confirmed()]);
}

#[test]
fn confirming_twice_changes_nothing() {
    given::<Order>([placed(), confirmed()]).when(Command::Confirm).then([]);
}

#[test]
fn what_is_cancelled_or_on_its_way_cannot_be_confirmed() {
    given::<Order>([placed(), cancelled()])
        .when(Command::Confirm)
        .rejected(Rejection::NotConfirmable { status: Status::Cancelled });
    given::<Order>([placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 1)])])
        .when(Command::Confirm)
        .rejected(Rejection::NotConfirmable { status: Status::PartlyShipped });
    given::<Order>([placed(), confirmed(), shipped_completely(everything())])
        .when(Command::Confirm)
        .rejected(Rejection::NotConfirmable { status: Status::Shipped });
}

// ---- cancelling

#[test]
fn an_order_can_be_cancelled_until_something_leaves_the_house() {
    let reason: Reason = "changed my mind".parse().expect("a reason");
    given::<Order>([placed()])
        .when(Command::Cancel { reason: Some(Note::Clear(reason.clone())) })
        .then([Event::Cancelled { cause: None, reason: Some(reason), sealed_reason: None }]);
    given::<Order>([placed(), confirmed()]).when(cancel()).then([cancelled()]);
}

#[test]
fn cancelling_twice_changes_nothing() {
    given::<Order>([placed(), cancelled()]).when(cancel()).then([]);
}

#[test]
fn what_has_left_the_house_cannot_be_cancelled() {
    given::<Order>([placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 1)])])
        .when(cancel())
        .rejected(Rejection::NotCancellable { status: Status::PartlyShipped });
    given::<Order>([placed(), confirmed(), shipped_completely(everything())])
        .when(cancel())
        .rejected(Rejection::NotCancellable { status: Status::Shipped });
    given::<Order>([placed(), confirmed(), shipped_completely(everything()), delivered()])
        .when(cancel())
        .rejected(Rejection::NotCancellable { status: Status::Delivered });
}

// ---- shipping

#[test]
fn a_confirmed_order_can_be_shipped_at_once() {
    given::<Order>([placed(), confirmed()]).when(ship_the_rest()).then([shipped_completely(everything())]);
}

#[test]
fn a_shipment_can_be_tracked() {
    let tracking: Reference = "1Z999".parse().expect("a reference");
    let event = |tracking, sealed_tracking| Event::Shipped {
        parcels: everything(),
        tracking,
        sealed_tracking,
        complete: true,
    };
    let ship = |tracking| Command::Ship { pieces: None, tracking: Some(tracking) };
    given::<Order>([placed(), confirmed()])
        .when(ship(Note::Clear(tracking.clone())))
        .then([event(Some(tracking), None)]);
    let sealed = Sealed { key_id: Uuid::from_u128(7), data: "MVo5OTk=".into() };
    given::<Order>([placed(), confirmed()])
        .when(ship(Note::Sealed(sealed.clone())))
        .then([event(None, Some(sealed))]);
}

#[test]
fn a_part_can_be_shipped() {
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("TEAPOT", 2)]))
        .then([shipped(vec![parcel(0, "TEAPOT", 2)])]);
    assert_eq!(
        status(&[placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 2)])]),
        Status::PartlyShipped
    );
}

#[test]
fn pieces_are_taken_from_the_first_line_of_their_sku_first() {
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("CUP", 4)]))
        .then([shipped(vec![parcel(1, "CUP", 2), parcel(2, "CUP", 2)])]);
    given::<Order>([placed(), confirmed(), shipped(vec![parcel(1, "CUP", 2), parcel(2, "CUP", 2)])])
        .when(ship(&[("CUP", 1)]))
        .then([shipped(vec![parcel(2, "CUP", 1)])]);
}

#[test]
fn a_sku_that_is_named_twice_is_summed() {
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("CUP", 1), ("CUP", 2)]))
        .then([shipped(vec![parcel(1, "CUP", 2), parcel(2, "CUP", 1)])]);
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("CUP", 3), ("CUP", 3)]))
        .rejected(Rejection::MoreThanOrdered { sku: sku("CUP"), left: 5, requested: 6 });
}

#[test]
fn the_last_part_completes_the_shipment() {
    let first = shipped(vec![parcel(0, "TEAPOT", 5), parcel(1, "CUP", 1)]);
    let rest = vec![parcel(1, "CUP", 1), parcel(2, "CUP", 3)];
    given::<Order>([placed(), confirmed(), first.clone()])
        .when(ship_the_rest())
        .then([shipped_completely(rest.clone())]);
    given::<Order>([placed(), confirmed(), first]).when(ship(&[("CUP", 4)])).then([shipped_completely(rest)]);
}

#[test]
fn no_more_is_shipped_than_was_ordered() {
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("TEAPOT", 6)]))
        .rejected(Rejection::MoreThanOrdered { sku: sku("TEAPOT"), left: 5, requested: 6 });
    given::<Order>([placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 4)])])
        .when(ship(&[("TEAPOT", 2)]))
        .rejected(Rejection::MoreThanOrdered { sku: sku("TEAPOT"), left: 1, requested: 2 });
}

#[test]
fn what_was_not_ordered_is_not_shipped() {
    given::<Order>([placed(), confirmed()])
        .when(ship(&[("SAUCER", 1)]))
        .rejected(Rejection::MoreThanOrdered { sku: sku("SAUCER"), left: 0, requested: 1 });
}

#[test]
fn a_shipment_has_at_least_one_piece() {
    given::<Order>([placed(), confirmed()]).when(ship(&[])).rejected(Rejection::NothingToShip);
}

#[test]
fn only_confirmed_orders_are_shipped() {
    for (events, status) in [
        (vec![placed()], Status::Placed),
        (vec![placed(), cancelled()], Status::Cancelled),
        (vec![placed(), confirmed(), shipped_completely(everything())], Status::Shipped),
        (vec![placed(), confirmed(), shipped_completely(everything()), delivered()], Status::Delivered),
    ] {
        given::<Order>(events.clone()).when(ship_the_rest()).rejected(Rejection::NotShippable { status });
        given::<Order>(events).when(ship(&[("CUP", 1)])).rejected(Rejection::NotShippable { status });
    }
}

// ---- delivering

#[test]
fn a_shipped_order_can_be_delivered() {
    given::<Order>([placed(), confirmed(), shipped_completely(everything())])
        .when(Command::MarkDelivered)
        .then([delivered()]);
}

#[test]
fn delivering_twice_changes_nothing() {
    given::<Order>([placed(), confirmed(), shipped_completely(everything()), delivered()])
        .when(Command::MarkDelivered)
        .then([]);
}

#[test]
fn what_is_not_shipped_wholly_cannot_be_delivered() {
    for (events, status) in [
        (vec![placed()], Status::Placed),
        (vec![placed(), confirmed()], Status::Confirmed),
        (vec![placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 1)])], Status::PartlyShipped),
        (vec![placed(), cancelled()], Status::Cancelled),
    ] {
        given::<Order>(events).when(Command::MarkDelivered).rejected(Rejection::NotDeliverable { status });
    }
}

#[test]
fn what_does_not_exist_cannot_be_changed() {
    for command in [Command::Confirm, cancel(), ship_the_rest(), Command::MarkDelivered] {
        given::<Order>([]).when(command).rejected(Rejection::NotFound);
    }
}

#[test]
fn each_rejection_has_its_code() {
    use decider::Rejection as R;
    let status = Status::Placed;
    let codes = [
        (Rejection::NotFound, "not_found"),
        (Rejection::AlreadyExists, "already_exists"),
        (Rejection::LineCount, "validation_failed"),
        (Rejection::MixedCurrencies, "currency_mismatch"),
        (Rejection::TotalOutOfRange, "total_out_of_range"),
        (Rejection::NotConfirmable { status }, "order_not_confirmable"),
        (Rejection::NotCancellable { status }, "order_not_cancellable"),
        (Rejection::NotShippable { status }, "order_not_shippable"),
        (Rejection::NotDeliverable { status }, "order_not_deliverable"),
        (Rejection::MoreThanOrdered { sku: sku("CUP"), left: 0, requested: 1 }, "shipment_exceeds_order"),
        (Rejection::NothingToShip, "nothing_to_ship"),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code().as_str(), code);
        assert!(<Rejection as R>::CODES.contains(&rejection.code()));
    }
}
