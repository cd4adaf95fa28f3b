//! What holds for an order whatever is done to it.

use proptest::{collection::vec, prelude::*};

use super::{claims::claim, expiry::expire, *};

const SKUS: [&str; 3] = ["TEAPOT", "CUP", "SAUCER"];

fn any_pieces() -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    vec((proptest::sample::select(&SKUS[..]), 1..6_i64), 1..5)
}

pub(super) fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => any_pieces().prop_map(|pieces| {
            place(pieces.iter().map(|(code, quantity)| line(code, *quantity, 250)).collect())
        }),
        2 => Just(Command::Confirm),
        1 => Just(cancel()),
        2 => (0..4_usize, 1..6_i64).prop_map(|(line, quantity)| cancel_lines(&[(line, quantity)])),
        3 => any_pieces().prop_map(|pieces| ship(&pieces[..1])),
        1 => any_pieces().prop_map(|pieces| ship(&pieces)),
        1 => Just(ship_the_rest()),
        1 => Just(Command::MarkDelivered),
        1 => proptest::sample::select(&["alice", "bob"][..]).prop_map(claim),
        1 => Just(expire()),
    ]
}

/// Starts with an order that is placed, so that not all is refused.
fn any_commands() -> impl Strategy<Value = Vec<Command>> {
    (any_pieces(), vec(any_command(), 0..15)).prop_map(|(pieces, mut commands)| {
        let Command::Place(mut order) =
            place(pieces.iter().map(|(code, quantity)| line(code, *quantity, 250)).collect())
        else {
            unreachable!("it is placed")
        };
        order.pay_until = DateTime::from_timestamp(0, 0);
        commands.insert(0, Command::Place(order));
        commands
    })
}

/// What the stock owes an order: the order's side of the bookkeeping, piece by piece.
#[derive(Debug, Default)]
struct Promised {
    held: i64,
    allocated: i64,
    shipped: i64,
    released: i64,
}

impl Promised {
    fn book(&mut self, event: &Event) {
        match event {
            Event::Placed(placement) => {
                self.held += placement.lines.iter().map(|line| line.quantity.get()).sum::<i64>();
            }
            Event::Confirmed {} => self.allocated += std::mem::take(&mut self.held),
            Event::Cancelled { .. } => {
                self.released += std::mem::take(&mut self.held) + std::mem::take(&mut self.allocated);
            }
            Event::Shipped { parcels, .. } => {
                let pieces: i64 = parcels.iter().map(|parcel| parcel.quantity).sum();
                self.allocated -= pieces;
                self.shipped += pieces;
            }
            Event::LinesCancelled { parcels, .. } => {
                let pieces: i64 = parcels.iter().map(|parcel| parcel.quantity).sum();
                // They were held or allocated, never both.
                let of = if self.held > 0 { &mut self.held } else { &mut self.allocated };
                *of -= pieces;
                self.released += pieces;
            }
            Event::Delivered {} | Event::Claimed { .. } => {}
        }
    }
}

proptest! {
    /// Naming pieces is the exception: two shipments of one cup are two cups. The idempotency key,
    /// which is required for shipments, keeps a repeat away.
    #[test]
    fn a_command_repeated_changes_nothing_or_is_refused(
        before in vec(any_command(), 0..10),
        command in any_command(),
    ) {
        let names_pieces = matches!(command, Command::Ship { pieces: Some(_), .. } | Command::CancelLines { .. });
        prop_assume!(!names_pieces);
        let mut order = History::<Order>::of(before);
        order.ask(command.clone());
        prop_assert_eq!(order.ask(command), vec![]);
    }

    #[test]
    fn each_promise_ends_once(commands in any_commands()) {
        let mut promised = Promised::default();
        let mut order = History::<Order>::new();
        for command in commands {
            for event in order.ask(command) {
                promised.book(&event);
            }
            prop_assert!(promised.held >= 0 && promised.allocated >= 0, "{:?}", promised);
        }
        let details = order.state.details().expect("it was placed");
        let ordered: i64 = details.lines.iter().map(|line| line.ordered.get()).sum();
        let Promised { held, allocated, shipped, released } = promised;
        prop_assert_eq!(held + allocated + shipped + released, ordered);
        match details.status {
            Status::Placed => prop_assert_eq!((held, shipped), (ordered - released, 0)),
            Status::Confirmed => prop_assert_eq!((allocated, shipped), (ordered - released, 0)),
            Status::PartlyShipped => prop_assert!(allocated > 0 && shipped > 0),
            Status::Shipped | Status::Delivered => {
                prop_assert_eq!(shipped, ordered - released);
                prop_assert!(shipped > 0);
            }
            Status::Cancelled => prop_assert_eq!(released, ordered),
        }
    }

    #[test]
    fn no_line_is_shipped_beyond_what_was_ordered(commands in any_commands()) {
        let mut order = History::<Order>::new();
        for command in commands {
            order.ask(command);
            for line in &order.state.details().expect("it was placed").lines {
                prop_assert!(line.shipped >= 0 && line.cancelled >= 0 && line.left() >= 0, "{:?}", line);
            }
        }
    }

    #[test]
    fn a_shipment_is_complete_when_nothing_is_left(commands in any_commands()) {
        let mut order = History::<Order>::new();
        for command in commands {
            let events = order.ask(command);
            if let Some(Event::Shipped { complete, parcels, .. }) = events.first() {
                let left: i64 = order.state.details().expect("placed").lines.iter().map(OpenLine::left).sum();
                prop_assert_eq!(*complete, left == 0);
                prop_assert!(parcels.iter().all(|parcel| parcel.quantity > 0));
            }
        }
    }

    #[test]
    fn the_log_gives_back_the_same_order(commands in any_commands()) {
        let order = History::<Order>::of(commands);
        let events = stored_and_read::<Order>(&order.events);
        prop_assert_eq!(&events, &order.events);
        prop_assert_eq!(fold::<Order>(&events), order.state);
    }

    #[test]
    fn whatever_was_stored_can_be_folded(commands in any_commands(), skipped in 0..5_usize) {
        let events = History::<Order>::of(commands).events;
        let _: Order = fold(events.iter().skip(skipped));
    }

    #[test]
    fn a_state_survives_being_written_down(commands in any_commands()) {
        let state = History::<Order>::of(commands).state;
        let text = serde_json::to_string(&state).expect("states serialize");
        prop_assert_eq!(serde_json::from_str::<Order>(&text).expect("and back"), state);
    }

    #[test]
    fn an_order_decides_the_same_each_time(before in any_commands(), command in any_command()) {
        let state = History::<Order>::of(before).state;
        prop_assert_eq!(state.decide(command.clone()), state.decide(command));
    }
}
