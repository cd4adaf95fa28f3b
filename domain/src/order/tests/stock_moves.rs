//! What the stock owes an order, in both directions.

use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::{properties::any_command, *};
use crate::{
    ids::OrderId,
    stock::{self, Stock},
};

fn id(number: usize) -> OrderId {
    OrderId::new(Uuid::from_u128(number as u128))
}

/// The moves of the last of these events, as text.
fn moves(events: &[Event]) -> Vec<String> {
    let (last, before) = events.split_last().expect("at least one event");
    let before: Order = fold(before);
    let after = before.clone().evolve(last);
    let text = |(sku, command): (Sku, stock::Command)| match command {
        stock::Command::Hold { quantity, .. } => format!("hold {quantity} {sku}"),
        stock::Command::ReleaseHold { quantity, .. } => format!("release {quantity} held {sku}"),
        stock::Command::Allocate { quantity, .. } => format!("allocate {quantity} {sku}"),
        stock::Command::ReleaseAllocation { quantity, .. } => format!("release {quantity} allocated {sku}"),
        stock::Command::Ship { quantity, .. } => format!("ship {quantity} {sku}"),
        other => panic!("orders don't do this to stock: {other:?}"),
    };
    stock_moves(&before, &after, id(1)).into_iter().map(text).collect()
}

#[test]
fn an_order_that_is_placed_holds_the_sum_of_its_lines() {
    assert_eq!(moves(&[placed()]), ["hold 5 CUP", "hold 5 TEAPOT"]);
}

#[test]
fn what_was_held_is_allocated_when_the_order_is_confirmed() {
    assert_eq!(moves(&[placed(), confirmed()]), ["allocate 5 CUP", "allocate 5 TEAPOT"]);
}

#[test]
fn a_cancelled_order_gives_back_what_it_was_promised() {
    assert_eq!(moves(&[placed(), cancelled()]), ["release 5 held CUP", "release 5 held TEAPOT"]);
    assert_eq!(
        moves(&[placed(), confirmed(), cancelled()]),
        ["release 5 allocated CUP", "release 5 allocated TEAPOT"]
    );
}

#[test]
fn only_what_is_in_the_parcels_is_shipped() {
    let first = shipped(vec![parcel(0, "TEAPOT", 5), parcel(1, "CUP", 1)]);
    let rest = shipped_completely(vec![parcel(1, "CUP", 1), parcel(2, "CUP", 3)]);
    assert_eq!(moves(&[placed(), confirmed(), first.clone()]), ["ship 1 CUP", "ship 5 TEAPOT"]);
    assert_eq!(moves(&[placed(), confirmed(), first, rest]), ["ship 4 CUP"]);
}

#[test]
fn lines_that_are_cancelled_give_back_what_they_were_promised() {
    let one_cup = lines_cancelled(vec![parcel(1, "CUP", 1)]);
    assert_eq!(moves(&[placed(), one_cup.clone()]), ["release 1 held CUP"]);
    assert_eq!(moves(&[placed(), confirmed(), one_cup]), ["release 1 allocated CUP"]);
    let first = shipped(vec![parcel(0, "TEAPOT", 5), parcel(1, "CUP", 1)]);
    let rest = lines_cancelled(vec![parcel(1, "CUP", 1), parcel(2, "CUP", 3)]);
    assert_eq!(moves(&[placed(), confirmed(), first.clone(), rest.clone()]), ["release 4 allocated CUP"]);
    assert_eq!(moves(&[placed(), confirmed(), first, rest, delivered()]), [""; 0]);
}

#[test]
fn an_order_that_stays_as_it_is_moves_nothing() {
    let all = vec![parcel(0, "TEAPOT", 5), parcel(1, "CUP", 2), parcel(2, "CUP", 3)];
    assert_eq!(moves(&[placed(), confirmed(), confirmed()]), [""; 0]);
    assert_eq!(moves(&[placed(), confirmed(), shipped_completely(all), Event::Delivered {}]), [""; 0]);
}

#[test]
fn nothing_is_promised_to_an_order_that_is_not_there() {
    assert_eq!(promised(&Order::default()).count(), 0);
}

/// Commands on three orders, in turn.
fn any_commands() -> impl Strategy<Value = Vec<(usize, Command)>> {
    vec((0..3_usize, any_command()), 0..60)
}

const PIECES: i64 = 10_000;

proptest! {
    /// Both directions at once: the commands that follow from each change of an order are all accepted by the
    /// stock, and what the stock has promised afterwards is what the invariant says of all orders.
    #[test]
    fn stock_promises_what_orders_ask_for(commands in any_commands()) {
        let mut orders: [History<Order>; 3] = std::array::from_fn(|_| History::new());
        let mut stocks: BTreeMap<Sku, History<Stock>> = BTreeMap::new();
        for code in ["TEAPOT", "CUP", "SAUCER"] {
            let receive = stock::Command::Receive { quantity: PIECES, reference: None };
            stocks.insert(sku(code), History::of([receive]));
        }
        for (number, command) in commands {
            let before = orders[number].state.clone();
            orders[number].ask(command);
            for (sku, command) in stock_moves(&before, &orders[number].state, id(number)) {
                let stock = stocks.get_mut(&sku).expect("a SKU of the catalogue");
                prop_assert_eq!(stock.ask(command).len(), 1, "the stock refused");
            }
            let mut asked: BTreeMap<Sku, Promised> = BTreeMap::new();
            for order in &orders {
                for (sku, promised) in promised(&order.state) {
                    *asked.entry(sku.clone()).or_default() += promised;
                }
            }
            for (sku, stock) in &stocks {
                let asked = asked.get(sku).copied().unwrap_or_default();
                prop_assert_eq!(Promised::from(&stock.state), asked, "{}", sku);
            }
        }
        // What left the house is what was shipped, and nothing else.
        for (sku, stock) in &stocks {
            let lines = orders.iter().filter_map(|order| order.state.details()).flat_map(|order| &order.lines);
            let shipped: i64 = lines.filter(|line| line.sku == *sku).map(|line| line.shipped).sum();
            prop_assert_eq!(stock.state.on_hand, PIECES - shipped);
        }
    }
}
