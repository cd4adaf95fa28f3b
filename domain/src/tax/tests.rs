use chrono::{Days, NaiveDate};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{contact::Country, money::Rate};

fn country(code: &str) -> Country {
    code.to_owned().try_into().expect("a code")
}

fn region(code: &str) -> Region {
    code.to_owned().try_into().expect("a region")
}

fn class(name: &str) -> TaxClass {
    name.parse().expect("a class")
}

fn treatment(rate: &str) -> Treatment {
    Treatment::new(rate.parse().expect("a rate"), None).expect("a treatment")
}

/// A day in 2026, counted from the first of January, which is 0.
fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day") + Days::new(number)
}

fn dated(name: &str, of: Option<&str>, from: u64, rate: &str) -> DatedRate {
    DatedRate {
        class: class(name),
        region: of.map(region),
        valid_from: day(from),
        treatment: treatment(rate),
    }
}

fn rates(all: impl IntoIterator<Item = DatedRate>) -> Rates {
    let mut rates = Rates::default();
    for rate in all {
        assert!(rates.set(rate), "each of them is new");
    }
    rates
}

fn on(rates: &Rates, number: u64, name: &str, of: Option<&str>) -> Option<String> {
    let found = rates.on(day(number), &class(name), of.map(region).as_ref());
    found.map(|treatment| treatment.rate().to_string())
}

#[test]
fn the_newest_rate_that_has_begun_counts() {
    let rates = rates([
        dated("standard", None, 20, "16"),
        dated("standard", None, 10, "19"),
        dated("books", None, 0, "7"),
    ]);
    assert_eq!(on(&rates, 9, "standard", None), None);
    assert_eq!(on(&rates, 10, "standard", None).as_deref(), Some("19"));
    assert_eq!(on(&rates, 19, "standard", None).as_deref(), Some("19"));
    assert_eq!(on(&rates, 20, "standard", None).as_deref(), Some("16"));
    assert_eq!(on(&rates, 300, "standard", None).as_deref(), Some("16"));
    assert_eq!(on(&rates, 9, "books", None).as_deref(), Some("7"));
    assert_eq!(on(&rates, 300, "tea", None), None);
}

#[test]
fn a_region_without_a_rate_has_that_of_the_country() {
    let rates = rates([dated("standard", None, 0, "4"), dated("standard", Some("NY"), 10, "8.875")]);
    assert_eq!(on(&rates, 9, "standard", Some("NY")).as_deref(), Some("4"));
    assert_eq!(on(&rates, 10, "standard", Some("NY")).as_deref(), Some("8.875"));
    assert_eq!(on(&rates, 10, "standard", Some("OR")).as_deref(), Some("4"));
    assert_eq!(on(&rates, 10, "standard", None).as_deref(), Some("4"));
}

#[test]
fn what_is_in_force_is_not_changed() {
    let rates = rates([dated("standard", None, 10, "19"), dated("standard", None, 90, "20")]);
    let check = |rate| rates.check(&rate, day(50));
    // Today and before.
    for from in [0, 10, 49, 50] {
        assert_eq!(check(dated("standard", None, from, "16")), Err(RateRefused::InForce), "{from}");
        assert_eq!(check(dated("standard", Some("NY"), from, "16")), Err(RateRefused::InForce), "{from}");
    }
    // As it is already.
    assert_eq!(check(dated("standard", None, 10, "19")), Ok(()));
    // What has not begun can be changed, and what is not known can be told.
    for from in [51, 90, 91] {
        assert_eq!(check(dated("standard", None, from, "16")), Ok(()), "{from}");
    }
    assert_eq!(check(dated("books", None, 0, "7")), Ok(()));
}

#[test]
fn a_rate_that_begins_on_the_same_day_takes_the_place() {
    let mut rates = rates([dated("standard", None, 10, "19")]);
    assert!(!rates.set(dated("standard", None, 10, "19")));
    assert!(rates.set(dated("standard", None, 10, "16")));
    assert_eq!(on(&rates, 10, "standard", None).as_deref(), Some("16"));
}

#[test]
fn the_rates_of_a_country_are_bounded() {
    let most = u64::try_from(MAX_RATES).expect("a number");
    let mut rates = rates((0..most).map(|from| dated("standard", None, from, "19")));
    let check = |rates: &Rates, from| rates.check(&dated("standard", None, from, "16"), day(0));
    assert_eq!(check(&rates, most), Err(RateRefused::TooMany));
    assert_eq!(check(&rates, most - 1), Ok(()), "it takes the place of another one");
    rates.set(dated("standard", None, most - 1, "16"));
    assert_eq!(check(&rates, most), Err(RateRefused::TooMany));
}

#[test]
fn rates_are_stored_without_what_is_not_there() {
    let text = r#"{"rates":[{"class":"books","valid_from":"2026-01-01","reason":"zero"},{"class":"standard","region":"NY","valid_from":"2026-01-11","rate_ppm":88750,"reason":"standard"}]}"#;
    let rates = rates([dated("standard", Some("NY"), 10, "8.875"), dated("books", None, 0, "0")]);
    assert_eq!(serde_json::to_string(&rates).expect("JSON"), text);
    assert_eq!(serde_json::from_str::<Rates>(text).expect("rates"), rates);
}

fn consumer() -> Buyer {
    Buyer { kind: BuyerKind::Consumer, company: None, vat_id: None }
}

fn business(vat_id: &str) -> Buyer {
    let vat_id = Some(vat_id.to_owned().try_into().expect("an id"));
    Buyer { kind: BuyerKind::Business, vat_id, ..consumer() }
}

/// A shop that sends goods and e-books.
fn shop(home: &str, registered: &[&str]) -> TaxRules {
    let registered = registered.iter().map(|code| country(code)).collect();
    TaxRules { home: country(home), registered, services: vec![class("e_books")] }
}

fn taxed(code: &str) -> Supply {
    Supply::Taxed { country: country(code), region: None }
}

#[test]
fn a_sale_is_taxed_at_home_where_it_goes_or_not_at_all() {
    let (german, french) = ("DE123456789", "FR12123456789");
    let at_home = shop("DE", &[]);
    let abroad = shop("DE", &["FR", "CH"]);
    for (rules, to, buyer, supply) in [
        // At home it is the same for all.
        (&at_home, "DE", consumer(), taxed("DE")),
        (&at_home, "DE", business(german), taxed("DE")),
        (&at_home, "DE", business(french), taxed("DE")),
        // In the Union, consumers pay the tax of home as long as the shop is not registered where they live.
        (&at_home, "FR", consumer(), taxed("DE")),
        (&abroad, "FR", consumer(), taxed("FR")),
        (&abroad, "AT", consumer(), taxed("DE")),
        // Businesses don't pay it to the shop, if they are known in another member state.
        (&at_home, "FR", business(french), Supply::IntraCommunity),
        (&abroad, "FR", business(french), Supply::IntraCommunity),
        (&abroad, "AT", business(french), Supply::IntraCommunity),
        (&at_home, "FR", business(german), taxed("DE")),
        (&abroad, "FR", business(german), taxed("FR")),
        (&at_home, "FR", business("CHE123456789"), taxed("DE")),
        (&at_home, "FR", Buyer { kind: BuyerKind::Business, ..consumer() }, taxed("DE")),
        (&at_home, "FR", Buyer { kind: BuyerKind::Consumer, ..business(french) }, taxed("DE")),
        // Elsewhere.
        (&at_home, "US", consumer(), Supply::Export),
        (&at_home, "CH", business(french), Supply::Export),
        (&abroad, "CH", consumer(), taxed("CH")),
        // A shop that is not in the Union exports to it.
        (&shop("CH", &[]), "FR", business(german), Supply::Export),
        (&shop("CH", &["FR"]), "FR", business(german), taxed("FR")),
    ] {
        assert_eq!(
            rules.supply(&country(to), None, &buyer),
            supply,
            "{} to {to}: {buyer:?}",
            rules.home.as_str()
        );
    }
}

#[test]
fn a_region_counts_in_the_country_that_taxes() {
    let ny = region("NY");
    let to = |rules: &TaxRules, code| rules.supply(&country(code), Some(&ny), &consumer());
    let with_region = |code| Supply::Taxed { country: country(code), region: Some(ny.clone()) };
    assert_eq!(to(&shop("US", &[]), "US"), with_region("US"));
    assert_eq!(to(&shop("DE", &["US"]), "US"), with_region("US"));
    assert_eq!(to(&shop("DE", &[]), "FR"), taxed("DE"));
}

#[test]
fn what_the_shop_does_not_tax_has_a_reason() {
    let rules = shop("DE", &[]);
    let rates = rates([dated("standard", None, 0, "19"), dated("e_books", None, 0, "7")]);
    let treated = |supply: &Supply, name| {
        let found = supply.treatment(&rules.services, &rates, day(1), &class(name));
        found.map(|treatment| (treatment.rate().to_string(), treatment.reason()))
    };
    let untaxed = |reason| Some(("0".to_owned(), reason));
    assert_eq!(treated(&taxed("DE"), "standard"), Some(("19".into(), TaxReason::Standard)));
    assert_eq!(treated(&taxed("DE"), "e_books"), Some(("7".into(), TaxReason::Standard)));
    assert_eq!(treated(&taxed("DE"), "tea"), None, "no rate is not a rate of 0");
    assert_eq!(treated(&Supply::IntraCommunity, "tea"), untaxed(TaxReason::IntraCommunity));
    assert_eq!(treated(&Supply::IntraCommunity, "e_books"), untaxed(TaxReason::ReverseCharge));
    assert_eq!(treated(&Supply::Export, "tea"), untaxed(TaxReason::Export));
    assert_eq!(treated(&Supply::Export, "e_books"), untaxed(TaxReason::NotSubject));
}

fn any_rate() -> impl Strategy<Value = DatedRate> {
    let of = prop_oneof![Just(None), Just(Some("NY")), Just(Some("OR"))];
    (select(&["books", "standard"][..]), of, 0..40_u64, 0..=30_u32).prop_map(|(name, of, from, rate)| {
        let rate = Rate::try_from(rate * 10_000).expect("a rate");
        DatedRate {
            treatment: Treatment::new(rate, None).expect("a treatment"),
            ..dated(name, of, from, "0")
        }
    })
}

proptest! {
    /// Also catches: an order of rates in which one of them is not found.
    #[test]
    fn a_rate_is_found_as_by_looking_at_all(all in vec(any_rate(), 0..20), number in 0..50_u64) {
        let mut rates = Rates::default();
        for rate in &all {
            rates.set(rate.clone());
        }
        for name in ["books", "standard", "tea"] {
            for of in [None, Some("NY"), Some("OR"), Some("TX")] {
                let begun = |of: Option<Region>| {
                    let fits = |rate: &&DatedRate| rate.class == class(name) && rate.region == of;
                    let begun = all.iter().filter(fits).filter(|rate| rate.valid_from <= day(number));
                    // If two begin on one day, the last one that was set counts.
                    begun.max_by_key(|rate| rate.valid_from).map(|rate| rate.treatment)
                };
                let expected = begun(of.map(region)).or_else(|| begun(None));
                prop_assert_eq!(rates.on(day(number), &class(name), of.map(region).as_ref()), expected);
            }
        }
    }

    #[test]
    fn what_may_be_set_changes_no_day_of_which_something_was_known(
        before in vec(any_rate(), 0..15), new in any_rate(), today in 0..45_u64,
    ) {
        let mut rates = Rates::default();
        for rate in before {
            rates.set(rate);
        }
        prop_assume!(rates.check(&new, day(today)).is_ok());
        let mut after = rates.clone();
        after.set(new);
        for number in 0..=today {
            for name in ["books", "standard"] {
                for of in [None, Some("NY"), Some("OR")] {
                    let known = on(&rates, number, name, of);
                    prop_assert!(known.is_none() || known == on(&after, number, name, of));
                }
            }
        }
    }
}
