mod parts;
mod with_taxes;

use chrono::TimeDelta;

use super::*;
use crate::{
    decider::fold,
    ids::PriceChangeId,
    money::Money,
    product::{Event, PriceChange},
    text::{Description, Metadata},
};

fn sku() -> Sku {
    "TEAPOT".parse().expect("a SKU")
}

fn price(amount: i64, currency: Currency) -> Price {
    Money::new(amount, currency).try_into().expect("in range")
}

fn euros(amount: i64) -> Price {
    price(amount, Currency::EUR)
}

fn noon() -> DateTime<Utc> {
    "2026-12-01T12:00:00Z".parse().expect("a time")
}

/// A teapot for 19.99 EUR, to which this happened.
fn teapot(events: &[Event]) -> Product {
    let created = Event::Created {
        name: "Teapot".parse().expect("a name"),
        description: Description::default(),
        price: euros(1999),
        external_id: None,
        metadata: Metadata::default(),
    };
    fold(std::iter::once(&created).chain(events))
}

fn priced(product: &Product, agreed: Option<Price>, currency: Currency) -> Result<Line, Rejection> {
    let quantity = 2.try_into().expect("a quantity");
    price_line(&sku(), product, quantity, agreed, currency, noon())
}

fn line(unit_price: Price, list_price: Option<Price>) -> Line {
    Line {
        sku: sku(),
        name: "Teapot".parse().expect("a name"),
        quantity: 2.try_into().expect("a quantity"),
        unit_price,
        list_price,
    }
}

#[test]
fn a_line_costs_what_the_catalogue_says() {
    let yen = price(2500, Currency::JPY);
    let product = teapot(&[Event::Published {}, Event::PriceSet { price: yen }]);
    assert_eq!(priced(&product, None, Currency::EUR), Ok(line(euros(1999), None)));
    assert_eq!(priced(&product, None, Currency::JPY), Ok(line(yen, None)));
}

#[test]
fn an_agreed_price_stands_beside_the_catalogues() {
    let product = teapot(&[Event::Published {}]);
    let agreed = Some(euros(1500));
    assert_eq!(priced(&product, agreed, Currency::EUR), Ok(line(euros(1500), Some(euros(1999)))));
}

/// A price that holds from a time on, and until another one.
fn scheduled(amount: i64, from: DateTime<Utc>, until: DateTime<Utc>) -> Event {
    let id = PriceChangeId::new(uuid::Uuid::from_u128(7));
    Event::PriceScheduled(PriceChange { id, price: euros(amount), from, until: Some(until) })
}

#[test]
fn a_price_change_that_holds_is_the_catalogues_price() {
    let second = TimeDelta::seconds(1);
    for (from, until, holds) in [
        (noon(), noon() + second, true),
        (noon() - second, noon() + second, true),
        (noon() - second, noon(), false),
        (noon() + second, noon() + second * 2, false),
    ] {
        let product = teapot(&[Event::Published {}, scheduled(999, from, until)]);
        let list = euros(if holds { 999 } else { 1999 });
        assert_eq!(priced(&product, None, Currency::EUR), Ok(line(list, None)), "{from} to {until}");
        let agreed = Some(euros(1500));
        assert_eq!(priced(&product, agreed, Currency::EUR), Ok(line(euros(1500), Some(list))));
        assert_eq!(priced(&product, Some(list), Currency::EUR), Ok(line(list, None)));
    }
}

#[test]
fn an_agreed_price_that_is_the_catalogues_is_nothing_special() {
    let product = teapot(&[Event::Published {}]);
    assert_eq!(priced(&product, Some(euros(1999)), Currency::EUR), Ok(line(euros(1999), None)));
}

#[test]
fn a_price_can_be_agreed_where_the_catalogue_has_none() {
    let dollars = price(2100, Currency::USD);
    let product = teapot(&[Event::Published {}]);
    assert_eq!(priced(&product, Some(dollars), Currency::USD), Ok(line(dollars, None)));
}

#[test]
fn what_is_not_for_sale_has_no_price() {
    for agreed in [None, Some(euros(1500)), Some(price(1, Currency::USD))] {
        let refused = |product: &Product| priced(product, agreed, Currency::EUR).expect_err("not for sale");
        assert_eq!(refused(&Product::default()), Rejection::NotFound { sku: sku() });
        assert_eq!(refused(&teapot(&[])), Rejection::NotPublished { sku: sku() });
        assert_eq!(refused(&teapot(&[Event::Archived {}])), Rejection::Archived { sku: sku() });
    }
}

#[test]
fn a_line_has_the_currency_of_the_order() {
    let product = teapot(&[Event::Published {}]);
    assert_eq!(
        priced(&product, None, Currency::USD),
        Err(Rejection::NoPrice { sku: sku(), currency: Currency::USD })
    );
    assert_eq!(
        priced(&product, Some(price(2100, Currency::USD)), Currency::EUR),
        Err(Rejection::OtherCurrency { sku: sku() })
    );
}

#[test]
fn a_product_that_is_not_published_is_not_there_for_everyone() {
    use crate::Rejection as R;
    for rejection in [Rejection::NotPublished { sku: sku() }, Rejection::Archived { sku: sku() }] {
        let guarded = rejection.guarded().expect("not for everyone");
        assert_eq!(guarded.demand.action, Action::ReadUnpublishedProduct);
        assert_eq!(guarded.otherwise, Rejection::NotFound { sku: sku() });
    }
    assert_eq!(Rejection::NotFound { sku: sku() }.guarded(), None);
}
