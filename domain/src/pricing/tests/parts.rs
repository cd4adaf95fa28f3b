//! What parts of an order come to.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    with_taxes::{Basket, any_basket},
    *,
};

/// So many pieces of each line.
fn kept(basket: &Basket, pieces: &[i64]) -> Vec<Kept> {
    let ordered = basket.items.iter().map(|item| item.0.try_into().expect("a quantity"));
    ordered.zip(pieces).map(|(ordered, pieces)| Kept { pieces: *pieces, ordered }).collect()
}

fn all(basket: &Basket) -> Vec<i64> {
    basket.items.iter().map(|item| item.0).collect()
}

fn none(basket: &Basket) -> Vec<i64> {
    vec![0; basket.items.len()]
}

/// What the parts come to if pieces are taken one after the other.
fn parts(basket: &Basket, taken: impl IntoIterator<Item = i64>) -> Vec<Amounts> {
    let terms = basket.terms().expect("terms");
    let mut pieces = 0;
    let mut before = terms.value_of(&kept(basket, &[0]), true);
    taken
        .into_iter()
        .map(|more| {
            pieces += more;
            let value = terms.value_of(&kept(basket, &[pieces]), true);
            let part = value.less(&before).total();
            before = value;
            part
        })
        .collect()
}

#[test]
fn parts_of_a_discounted_line_add_up() {
    for mode in Mode::ALL {
        // Three pieces for 10.00.
        let basket = Basket::at("0", mode, [(3, 400, 200)]);
        let mut ones: Vec<i64> = parts(&basket, [1, 1, 1]).into_iter().map(Amounts::gross).collect();
        ones.sort_unstable();
        assert_eq!(ones, [333, 333, 334]);
        for taken in [vec![1, 2], vec![2, 1], vec![3]] {
            assert_eq!(parts(&basket, taken).into_iter().map(Amounts::gross).sum::<i64>(), 1000);
        }
    }
}

#[test]
fn taxes_of_parts_add_up() {
    let basket = Basket::at("19", Mode::Gross, [(3, 400, 200)]);
    let amounts = |net, tax| Amounts { net, tax };
    assert_eq!(parts(&basket, [1, 1, 1]), [amounts(280, 53), amounts(280, 53), amounts(280, 54)]);
    let basket = Basket::at("19", Mode::Net, [(3, 400, 200)]);
    assert_eq!(parts(&basket, [1, 1, 1]), [amounts(333, 63), amounts(333, 64), amounts(334, 63)]);
}

#[test]
fn fees_belong_to_the_first_part() {
    let basket = Basket { fees: vec![(490, "standard")], ..Basket::at("19", Mode::Gross, [(2, 1000, 0)]) };
    let terms = basket.terms().expect("terms");
    let value = |pieces, fees| terms.value_of(&kept(&basket, &[pieces]), fees);
    let first = value(1, true).less(&value(0, false));
    let second = value(2, true).less(&value(1, true));
    assert_eq!((first.total().gross(), second.total().gross()), (1490, 1000));
    // All pieces come back, and the fee does not.
    assert_eq!(value(2, true).less(&value(0, true)).total().gross(), 2000);
}

#[test]
#[should_panic(expected = "no more pieces are kept than were ordered")]
fn no_more_is_kept_than_was_ordered() {
    let basket = Basket::at("19", Mode::Gross, [(2, 1000, 0)]);
    basket.terms().expect("terms").value_of(&kept(&basket, &[3]), true);
}

/// A basket and a way to take it apart: each step takes some of what is left of a line, or the fees.
fn any_way() -> impl Strategy<Value = (Basket, Vec<(Index, Index, bool)>)> {
    (any_basket(), vec((any::<Index>(), any::<Index>(), proptest::bool::weighted(0.2)), 0..12))
}

proptest! {
    #[test]
    fn nothing_is_worth_nothing_and_all_is_worth_the_total(basket in any_basket()) {
        let terms = basket.terms().expect("terms");
        let nothing = terms.value_of(&kept(&basket, &none(&basket)), false);
        prop_assert!(nothing.groups.iter().all(|group| *group == Amounts::default()));
        let everything = terms.value_of(&kept(&basket, &all(&basket)), true);
        for (group, amounts) in terms.groups.iter().zip(&everything.groups) {
            prop_assert_eq!((group.base, group.tax), (amounts.net, amounts.tax));
        }
        prop_assert_eq!((everything.total().gross(), everything.total().tax), (terms.total, terms.tax));
    }

    /// Also: no part is negative, in any group, so a value never falls when pieces are added.
    #[test]
    fn parts_add_up_in_any_order((basket, way) in any_way()) {
        let terms = basket.terms().expect("terms");
        let (mut pieces, mut fees) = (none(&basket), false);
        let mut before = terms.value_of(&kept(&basket, &pieces), fees);
        let mut sum = Amounts::default();
        let mut steps = way.into_iter();
        while pieces != all(&basket) || !fees {
            match steps.next() {
                Some((line, more, takes_fees)) => {
                    let line = line.index(pieces.len());
                    let left = basket.items[line].0 - pieces[line];
                    let left = usize::try_from(left).expect("some are left");
                    pieces[line] += i64::try_from(more.index(left + 1)).expect("a number of pieces");
                    fees |= takes_fees;
                }
                None => (pieces, fees) = (all(&basket), true),
            }
            let value = terms.value_of(&kept(&basket, &pieces), fees);
            let part = value.less(&before);
            prop_assert!(part.groups.iter().all(|group| group.net >= 0 && group.tax >= 0), "{:?}", part);
            sum = Amounts { net: sum.net + part.total().net, tax: sum.tax + part.total().tax };
            before = value;
        }
        prop_assert_eq!((sum.gross(), sum.tax), (terms.total, terms.tax));
    }
}
