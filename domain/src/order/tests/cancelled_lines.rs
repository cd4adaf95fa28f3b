//! Lines that are cancelled apart from the rest of their order.

use super::*;

#[test]
fn pieces_can_be_cancelled_until_they_are_shipped() {
    given::<Order>([placed()])
        .when(cancel_lines(&[(1, 2), (0, 1), (0, 1)]))
        .then([lines_cancelled(vec![parcel(0, "TEAPOT", 2), parcel(1, "CUP", 2)])]);
    let partly = [placed(), confirmed(), shipped(vec![parcel(0, "TEAPOT", 4)])];
    given::<Order>(partly.clone())
        .when(cancel_lines(&[(0, 1)]))
        .then([lines_cancelled(vec![parcel(0, "TEAPOT", 1)])]);
    given::<Order>(partly).when(cancel_lines(&[(0, 2)])).rejected(Rejection::MoreThanLeft {
        line: 0,
        left: 1,
        requested: 2,
    });
    given::<Order>([placed(), confirmed(), shipped_completely(everything())])
        .when(cancel_lines(&[(0, 1)]))
        .rejected(Rejection::NotCancellable { status: Status::Shipped });
}

/// Catches: an order whose rest can't be shipped, and which nothing can be done with any more.
#[test]
fn an_order_whose_rest_is_cancelled_is_shipped_and_can_be_delivered() {
    let history = [
        placed(),
        confirmed(),
        shipped(vec![parcel(0, "TEAPOT", 5)]),
        lines_cancelled(vec![parcel(1, "CUP", 2), parcel(2, "CUP", 3)]),
    ];
    assert_eq!(status(&history), Status::Shipped);
    given::<Order>(history).when(Command::MarkDelivered).then([delivered()]);
}

#[test]
fn what_is_cancelled_is_not_shipped() {
    let fewer = [placed(), confirmed(), lines_cancelled(vec![parcel(0, "TEAPOT", 5), parcel(2, "CUP", 1)])];
    given::<Order>(fewer)
        .when(ship_the_rest())
        .then([shipped_completely(vec![parcel(1, "CUP", 2), parcel(2, "CUP", 2)])]);
}

/// Nothing of it was shipped, so it is a cancelled order, as if it had been cancelled at once.
#[test]
fn an_order_of_which_all_lines_are_cancelled_is_cancelled() {
    given::<Order>([placed()]).when(cancel_lines(&[(0, 5), (1, 2), (2, 3)])).then([cancelled()]);
    given::<Order>([placed(), lines_cancelled(vec![parcel(0, "TEAPOT", 5)])])
        .when(cancel_lines(&[(1, 2), (2, 3)]))
        .then([cancelled()]);
}

#[test]
fn a_cancellation_names_lines_that_are_there() {
    let by_sku = |code: &str| Command::CancelLines {
        portions: vec![Portion { of: PortionOf::Sku(sku(code)), quantity: 1.try_into().expect("in range") }],
        reason: None,
    };
    given::<Order>([placed()]).when(by_sku("TEAPOT")).then([lines_cancelled(vec![parcel(0, "TEAPOT", 1)])]);
    let on = |code: &str, lines| Rejection::NotOneLine { sku: sku(code), lines };
    given::<Order>([placed()]).when(by_sku("CUP")).rejected(on("CUP", 2));
    given::<Order>([placed()]).when(by_sku("SPOON")).rejected(on("SPOON", 0));
    given::<Order>([placed()]).when(cancel_lines(&[(3, 1)])).rejected(Rejection::NoSuchLine { line: 3 });
    given::<Order>([placed()]).when(cancel_lines(&[])).rejected(Rejection::NothingNamed);
    given::<Order>([placed(), cancelled()])
        .when(cancel_lines(&[(0, 1)]))
        .rejected(Rejection::NotCancellable { status: Status::Cancelled });
}
