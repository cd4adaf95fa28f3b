use std::collections::BTreeSet;

use super::*;
use crate::{
    Decider, Rejection,
    account::Account,
    code::{Description, Kind},
    external_id::ExternalIdUse,
    order::Order,
    pricing,
    product::Product,
    stock::Stock,
    tax::Rates,
};

#[test]
fn a_code_is_declared_once() {
    let mut names = BTreeSet::new();
    for code in ROOMS.iter().copied().flatten() {
        assert!(names.insert(code.as_str()), "{code} is declared twice");
    }
}

/// A room that [`ROOMS`] lacks would have no pages under `/problems`.
#[test]
fn whatever_a_decider_refuses_with_is_a_code_of_some_room() {
    fn of<D: Decider>() -> &'static [Code] {
        D::Rejection::CODES
    }
    let refused = [
        of::<Product>(),
        of::<Stock>(),
        of::<Order>(),
        of::<ExternalIdUse>(),
        of::<Account>(),
        of::<Rates>(),
        pricing::Rejection::CODES,
        pricing::Unpriced::CODES,
        pricing::QuoteRefused::CODES,
    ];
    for code in refused.iter().copied().flatten() {
        assert!(ROOMS.iter().any(|room| room.contains(code)), "{code}");
    }
}

#[test]
fn the_meaning_is_the_first_paragraph_on_one_line() {
    let description = Description {
        name: "parcel_lost",
        kind: Kind::Invalid,
        title: "Parcel lost",
        page: "The parcel\nis lost.\n\n## Why it happens\n\nNobody knows.\n",
    };
    // A test leaks what the macro makes a constant of.
    let code = Code::new(Box::leak(Box::new(description)));
    assert_eq!(code.meaning(), "The parcel is lost.");
    assert_eq!(serde_json::to_value(code).expect("a string"), "parcel_lost");
}
