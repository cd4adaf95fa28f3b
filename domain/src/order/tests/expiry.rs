//! An order that is to be paid by a time.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
}

pub(super) fn expire() -> Command {
    Command::Expire { now: noon() }
}

fn placed_to_be_paid_until(pay_until: DateTime<Utc>) -> Event {
    Event::Placed(Box::new(Placement { pay_until: Some(pay_until), ..placement(lines()) }))
}

fn unpaid() -> Event {
    Event::Cancelled { cause: Some(CancelCause::Unpaid), reason: None, sealed_reason: None }
}

#[test]
fn an_order_that_is_still_placed_when_its_time_is_over_is_cancelled_once() {
    given::<Order>([placed_to_be_paid_until(noon())]).when(expire()).then([unpaid()]);
    given::<Order>([placed_to_be_paid_until(noon()), unpaid()]).when(expire()).then([]);
    assert_eq!(status(&[placed_to_be_paid_until(noon()), unpaid()]), Status::Cancelled);
}

/// Catches: a timer that ends what its order has in the meantime been given a right to.
#[test]
fn nothing_expires_before_its_time_or_after_it_was_confirmed_or_without_a_time() {
    let later = noon() + TimeDelta::seconds(1);
    given::<Order>([placed_to_be_paid_until(later)]).when(expire()).then([]);
    given::<Order>([placed_to_be_paid_until(noon()), confirmed()]).when(expire()).then([]);
    given::<Order>([placed_to_be_paid_until(noon()), cancelled()]).when(expire()).then([]);
    given::<Order>([placed()]).when(expire()).then([]);
    given::<Order>([]).when(expire()).rejected(Rejection::NotFound);
}
