//! What an order comes to with its taxes.

use std::cell::RefCell;

use chrono::NaiveDate;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    contact::Country,
    money::Rate,
    tax::{BuyerKind, TaxClass, TaxReason, Treatment, VatIdState},
};

pub(super) fn circumstances(mode: Mode) -> Circumstances {
    Circumstances {
        mode,
        tax_date: NaiveDate::from_ymd_opt(2026, 11, 28).expect("a day"),
        country: Country::try_from("DE".to_owned()).expect("a code"),
        region: None,
        taxed_in: None,
        buyer: BuyerKind::Consumer,
        vat_id_state: None,
    }
}

/// A line of a test: pieces, unit price, discount, and the class.
pub(super) type Item = (i64, i64, u64, &'static str);

/// An order of a test: what is in it, and how its classes are taxed.
#[derive(Debug, Clone)]
pub(super) struct Basket {
    pub mode: Mode,
    pub currency: Currency,
    pub items: Vec<Item>,
    /// The price and the class of each.
    pub fees: Vec<(i64, &'static str)>,
    pub rates: Vec<(&'static str, &'static str)>,
}

impl Basket {
    /// All of one class, at one rate.
    pub fn at(rate: &'static str, mode: Mode, items: impl IntoIterator<Item = (i64, i64, u64)>) -> Self {
        let items = items.into_iter().map(|(pieces, price, discount)| (pieces, price, discount, "standard"));
        let rates = vec![("standard", rate)];
        Self { mode, currency: Currency::EUR, items: items.collect(), fees: vec![], rates }
    }

    /// How a class is taxed. A rate of 0 is that of exports.
    fn treatment(&self, class: &str) -> Option<Treatment> {
        let (_, rate) = self.rates.iter().find(|(name, _)| *name == class)?;
        let rate: Rate = rate.parse().expect("a rate");
        let reason = (rate == Rate::ZERO).then_some(TaxReason::Export);
        Some(Treatment::new(rate, reason).expect("a treatment"))
    }

    pub fn terms(&self) -> Result<Terms, Unpriced> {
        let class = |name: &str| name.parse::<TaxClass>().expect("a class");
        let classes: Vec<TaxClass> = self.items.iter().map(|item| class(item.3)).collect();
        let classes_of_fees: Vec<TaxClass> = self.fees.iter().map(|fee| class(fee.1)).collect();
        let lines: Vec<UntaxedLine<'_>> = self
            .items
            .iter()
            .zip(&classes)
            .map(|((pieces, unit_price, discount, _), class)| UntaxedLine {
                unit_price: price(*unit_price, self.currency),
                quantity: (*pieces).try_into().expect("a quantity"),
                discount: *discount,
                class,
            })
            .collect();
        let fees = self.fees.iter().zip(&classes_of_fees).map(|((amount, _), class)| UntaxedFee {
            kind: FeeKind::Shipping,
            name: "Parcel".parse().expect("a name"),
            price: price(*amount, self.currency),
            class,
        });
        let asked = RefCell::new(Vec::new());
        let treatment = |class: &TaxClass| {
            assert!(!asked.borrow().contains(class), "{class} was asked for before");
            asked.borrow_mut().push(class.clone());
            self.treatment(class.as_str())
        };
        Terms::calculate(circumstances(self.mode), &lines, fees.collect(), treatment)
    }
}

const CLASSES: [&str; 4] = ["standard", "books", "tea", "e_books"];

fn any_price() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..500_i64, 4 => 0..100_000_i64, 1 => 0..=1_000_000_000_000_i64]
}

pub(super) fn any_basket() -> impl Strategy<Value = Basket> {
    let pieces = prop_oneof![4 => 1..5_i64, 1 => 1..=100_000_i64];
    let discount = prop_oneof![2 => Just(0), 2 => 0..1_000_u64, 1 => any::<u64>()];
    let items = vec((pieces, any_price(), discount, select(&CLASSES[..])), 1..12);
    let fees = vec((any_price(), select(&CLASSES[..])), 0..3);
    let rates =
        vec(select(&["0", "0.0001", "5.5", "7", "8.875", "19", "20", "25", "100"][..]), CLASSES.len());
    (select(&Mode::ALL[..]), items, fees, rates).prop_map(|(mode, items, fees, rates)| Basket {
        mode,
        currency: Currency::EUR,
        items,
        fees,
        rates: CLASSES.into_iter().zip(rates).collect(),
    })
}

fn by_hand(basket: &Basket) -> (i64, i64, Vec<(i64, i64)>) {
    let terms = basket.terms().expect("terms");
    (terms.total, terms.tax, terms.groups.iter().map(|group| (group.base, group.tax)).collect())
}

#[test]
fn taxes_are_added_to_net_prices() {
    let basket = Basket::at("19", Mode::Net, [(2, 1999, 0), (1, 250, 50)]);
    assert_eq!(by_hand(&basket), (4996, 798, vec![(4198, 798)]));
    let lines = basket.terms().expect("terms").lines;
    assert_eq!(lines[0], LineTerms { group: 0, discount: 0, pay: 3998 + 760, tax: 760 });
    assert_eq!(lines[1], LineTerms { group: 0, discount: 50, pay: 200 + 38, tax: 38 });
}

#[test]
fn taxes_are_within_gross_prices() {
    let basket = Basket::at("19", Mode::Gross, [(2, 1999, 0), (1, 250, 50)]);
    assert_eq!(by_hand(&basket), (4198, 670, vec![(3528, 670)]));
    let terms = basket.terms().expect("terms");
    assert_eq!((terms.goods, terms.discount), (4248, 50));
    assert_eq!(terms.lines[0], LineTerms { group: 0, discount: 0, pay: 3998, tax: 638 });
    assert_eq!(terms.lines[1], LineTerms { group: 0, discount: 50, pay: 200, tax: 32 });
}

/// An invoice has one sum for each rate and reason, whichever classes they come from.
#[test]
fn classes_that_are_taxed_alike_are_one_group() {
    let basket = Basket {
        items: vec![(1, 1000, 0, "books"), (1, 2000, 0, "standard"), (1, 500, 0, "tea")],
        fees: vec![(490, "standard"), (100, "e_books")],
        rates: vec![("standard", "19"), ("books", "7"), ("tea", "7"), ("e_books", "0")],
        ..Basket::at("19", Mode::Net, [])
    };
    let terms = basket.terms().expect("terms");
    let group = |class: &str, rate: &str, reason, base, tax| Group {
        class: class.parse().expect("a class"),
        treatment: Treatment::new(rate.parse().expect("a rate"), Some(reason)).expect("a treatment"),
        base,
        tax,
    };
    assert_eq!(
        terms.groups,
        [
            group("books", "7", TaxReason::Standard, 1500, 105),
            group("standard", "19", TaxReason::Standard, 2490, 473),
            group("e_books", "0", TaxReason::Export, 100, 0),
        ]
    );
    assert_eq!(terms.lines.iter().map(|line| line.group).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(terms.fees.iter().map(|fee| (fee.group, fee.pay)).collect::<Vec<_>>(), [(1, 583), (2, 100)]);
    assert_eq!(terms.total, 1500 + 105 + 2490 + 473 + 100);
}

#[test]
fn a_discount_never_makes_a_line_negative() {
    for mode in Mode::ALL {
        for discount in [500, u64::MAX] {
            let terms = Basket::at("19", mode, [(1, 100, discount)]).terms().expect("terms");
            assert_eq!((terms.goods, terms.discount, terms.tax, terms.total), (100, 100, 0, 0), "{mode}");
            assert_eq!(terms.lines, [LineTerms { group: 0, discount: 100, pay: 0, tax: 0 }], "{mode}");
        }
    }
}

/// Rounded for each line, it would be 10.00.
#[test]
fn a_thousand_lines_of_three_cents() {
    let terms = Basket::at("19", Mode::Net, (0..1000).map(|_| (1, 3, 0))).terms().expect("terms");
    assert_eq!((terms.goods, terms.tax, terms.total), (3000, 570, 3570));
    assert_eq!(terms.lines.iter().filter(|line| line.tax == 1).count(), 570);
    assert!(terms.lines.iter().all(|line| line.tax <= 1 && line.pay == 3 + line.tax));
}

/// Taxes are rounded to the smallest unit that a currency has.
#[test]
fn yen_kronur_and_dinars() {
    for (currency, rate, unit_price, tax, printed) in [
        (Currency::JPY, "10", 500, 45, "500 JPY"),
        (Currency::ISK, "24", 500, 97, "500 ISK"),
        (Currency::KWD, "5", 1235, 59, "1.235 KWD"),
    ] {
        let basket = Basket { currency, ..Basket::at(rate, Mode::Gross, [(1, unit_price, 0)]) };
        let terms = basket.terms().expect("terms");
        assert_eq!((terms.total, terms.tax), (unit_price, tax), "{printed}");
        assert_eq!(Money::new(terms.total, currency).to_string(), printed);
    }
}

#[test]
fn no_rate_is_not_a_rate_of_zero() {
    let unknown = Err(Unpriced::TaxUnknown { class: "tea".parse().expect("a class") });
    let standard = Basket::at("19", Mode::Gross, [(1, 100, 0)]);
    let line = Basket { items: vec![(1, 100, 0, "standard"), (1, 100, 0, "tea")], ..standard.clone() };
    assert_eq!(line.terms(), unknown);
    assert_eq!(Basket { fees: vec![(100, "tea")], ..standard }.terms(), unknown);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let largest = (100_000, 1_000_000_000_000);
    let items = |count: usize, discount| (0..count).map(move |_| (largest.0, largest.1, discount));
    for mode in Mode::ALL {
        assert!(Basket::at("19", mode, items(10, 0)).terms().is_ok());
        assert_eq!(Basket::at("19", mode, items(93, 0)).terms(), Err(Unpriced::TotalOutOfRange));
        assert_eq!(Basket::at("19", mode, items(93, u64::MAX)).terms(), Err(Unpriced::TotalOutOfRange));
    }
    // The goods fit, and the tax is too much.
    assert!(Basket::at("100", Mode::Gross, items(92, 0)).terms().is_ok());
    assert_eq!(Basket::at("100", Mode::Net, items(92, 0)).terms(), Err(Unpriced::TotalOutOfRange));
}

#[test]
fn all_of_an_order_has_its_currency() {
    let class = TaxClass::default();
    let line = |currency| UntaxedLine {
        unit_price: price(100, currency),
        quantity: 1.try_into().expect("a quantity"),
        discount: 0,
        class: &class,
    };
    let lines = [line(Currency::EUR), line(Currency::USD)];
    let terms = Terms::calculate(circumstances(Mode::Gross), &lines, vec![], |_| unreachable!());
    assert_eq!(terms, Err(Unpriced::MixedCurrencies));
}

/// Stored for ever.
#[test]
fn terms_are_stored_without_what_is_zero() {
    let basket = Basket {
        items: vec![(2, 1000, 0, "standard"), (1, 500, 500, "books"), (1, 500, 20, "books")],
        fees: vec![(490, "standard")],
        rates: vec![("standard", "19"), ("books", "0")],
        ..Basket::at("19", Mode::Gross, [])
    };
    let mut terms = basket.terms().expect("terms");
    let stored = r#"{"mode":"gross","tax_date":"2026-11-28","country":"DE","buyer":"consumer","groups":[{"class":"standard","rate_ppm":190000,"reason":"standard","base":2092,"tax":398},{"class":"books","reason":"export","base":480}],"lines":[{"pay":2000,"tax":320},{"group":1,"discount":500},{"group":1,"discount":20,"pay":480}],"fees":[{"kind":"shipping","name":"Parcel","pay":490,"tax":78}],"goods":3000,"discount":520,"tax":398,"total":2970}"#;
    assert_eq!(serde_json::to_string(&terms).expect("JSON"), stored);
    assert_eq!(serde_json::from_str::<Terms>(stored).expect("terms"), terms);

    let circumstances = &mut terms.circumstances;
    circumstances.region = Some("BY".to_owned().try_into().expect("a region"));
    circumstances.taxed_in = Some("AT".to_owned().try_into().expect("a code"));
    circumstances.buyer = BuyerKind::Business;
    circumstances.vat_id_state = Some(VatIdState::Unverified);
    let all = stored.replace(
        r#""country":"DE","buyer":"consumer""#,
        r#""country":"DE","region":"BY","taxed_in":"AT","buyer":"business","vat_id_state":"unverified""#,
    );
    assert_eq!(serde_json::to_string(&terms).expect("JSON"), all);
    assert_eq!(serde_json::from_str::<Terms>(&all).expect("terms"), terms);
}

proptest! {
    #[test]
    fn all_amounts_add_up(basket in any_basket()) {
        let terms = basket.terms().expect("terms");
        let parts = terms.lines.iter().map(|line| (line.group, line.pay, line.tax));
        let parts: Vec<_> = parts.chain(terms.fees.iter().map(|fee| (fee.group, fee.pay, fee.tax))).collect();
        let fees: i64 = basket.fees.iter().map(|fee| fee.0).sum();
        let on_top = match basket.mode { Mode::Gross => 0, Mode::Net => terms.tax };
        prop_assert_eq!(terms.total, terms.goods - terms.discount + fees + on_top);
        prop_assert_eq!(terms.total, parts.iter().map(|part| part.1).sum::<i64>());
        prop_assert_eq!(terms.tax, terms.groups.iter().map(|group| group.tax).sum::<i64>());
        prop_assert_eq!(terms.discount, terms.lines.iter().map(|line| line.discount).sum::<i64>());
        for (index, group) in terms.groups.iter().enumerate() {
            let members = parts.iter().filter(|part| part.0 == index);
            let (pay, tax) = members.fold((0, 0), |(pay, tax), part| (pay + part.1, tax + part.2));
            prop_assert_eq!((group.base + group.tax, group.tax), (pay, tax));
            // The official rules ask for the tax of the base, and allow a cent.
            prop_assert!((group.tax - group.treatment.rate().on(group.base)).abs() <= 1);
        }
        let numbers = parts.iter().flat_map(|part| [part.1 - part.2, part.2]);
        let discounts = terms.lines.iter().map(|line| line.discount);
        prop_assert!(numbers.chain(discounts).all(|number| number >= 0), "{:?}", terms);
    }

    #[test]
    fn terms_survive_being_written_down(basket in any_basket()) {
        let terms = basket.terms().expect("terms");
        let text = serde_json::to_string(&terms).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Terms>(&text).expect("and back"), terms);
    }

    #[test]
    fn each_group_has_a_rate_of_its_own(basket in any_basket()) {
        let groups = basket.terms().expect("terms").groups;
        for (index, group) in groups.iter().enumerate() {
            prop_assert!(groups[..index].iter().all(|other| other.treatment != group.treatment));
        }
    }
}
