//! A guest's order becomes its customer's.

use super::*;

fn by_guest() -> Event {
    Event::Placed(Box::new(Placement { customer: None, ..placement(lines()) }))
}

pub(super) fn claim(customer: &str) -> Command {
    Command::Claim { customer: customer.parse().expect("a customer") }
}

fn claimed(customer: &str) -> Event {
    Event::Claimed { customer: customer.parse().expect("a customer") }
}

#[test]
fn a_guests_order_is_claimed_once() {
    given::<Order>([by_guest()]).when(claim("alice")).then([claimed("alice")]);
    given::<Order>([by_guest(), claimed("alice")]).when(claim("alice")).then([]);
    given::<Order>([placed()]).when(claim("alice")).then([]);
    given::<Order>([by_guest(), confirmed(), cancelled()]).when(claim("alice")).then([claimed("alice")]);
}

/// Catches: an order that is taken from its customer, or that tells that it has one.
#[test]
fn an_order_that_another_customer_has_answers_like_none() {
    given::<Order>([]).when(claim("bob")).rejected(Rejection::NotFound);
    given::<Order>([placed()]).when(claim("bob")).rejected(Rejection::NotFound);
    given::<Order>([by_guest(), claimed("alice")]).when(claim("bob")).rejected(Rejection::NotFound);
}
