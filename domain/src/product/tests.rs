mod price_changes;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    decider::{Decider, fold},
    money::Money,
    testing::{History, given, stored_and_read},
};

fn euros(amount: i64) -> Price {
    price(amount, Currency::EUR)
}

fn price(amount: i64, currency: Currency) -> Price {
    Money::new(amount, currency).try_into().expect("in range")
}

fn name(text: &str) -> ProductName {
    text.parse().expect("a name")
}

fn description(text: &str) -> Description {
    text.to_owned().try_into().expect("a description")
}

fn metadata(key: &str, value: &str) -> Metadata {
    std::collections::BTreeMap::from([(key.to_owned(), value.to_owned())]).try_into().expect("one pair")
}

fn merge(pairs: &[(&str, Option<&str>)]) -> Patch<MetadataPatch> {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
    Patch::Set(pairs.collect::<BTreeMap<_, _>>().try_into().expect("a few pairs"))
}

fn create() -> Command {
    Command::Create {
        name: name("Teapot"),
        description: description("Holds a litre."),
        price: euros(1999),
        external_id: Some("shop-7".parse().expect("an id")),
        metadata: metadata("colour", "blue"),
    }
}

fn created() -> Event {
    Event::Created {
        name: name("Teapot"),
        description: description("Holds a litre."),
        price: euros(1999),
        external_id: Some("shop-7".parse().expect("an id")),
        metadata: metadata("colour", "blue"),
    }
}

fn nothing_described() -> Command {
    Command::Describe { name: None, description: None, metadata: Patch::Keep }
}

fn described(text: &str) -> Event {
    Event::Described {
        name: name(text),
        description: description("Holds a litre."),
        metadata: metadata("colour", "blue"),
    }
}

/// Every currency there is, found by trying all codes.
fn currencies() -> impl Iterator<Item = Currency> {
    let letters = || b'A'..=b'Z';
    letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c]))).filter_map(
        |code| {
            let code = std::str::from_utf8(&code).expect("letters");
            Currency::from_code(code)
        },
    )
}

#[test]
fn a_product_can_be_created() {
    given::<Product>([]).when(create()).then([created()]);
}

#[test]
fn a_new_product_is_a_draft_with_its_one_price() {
    let product: Product = fold(&[created()]);
    let details = product.details().expect("it exists");
    assert_eq!(details.status, Status::Draft);
    assert_eq!(details.price_in(Currency::EUR), Some(euros(1999)));
    assert_eq!(details.price_in(Currency::USD), None);
}

#[test]
fn a_product_cannot_be_created_twice() {
    given::<Product>([created()]).when(create()).rejected(Rejection::AlreadyExists);
}

#[test]
fn an_archived_sku_is_not_free_again() {
    given::<Product>([created(), Event::Archived {}]).when(create()).rejected(Rejection::AlreadyExists);
}

#[test]
fn what_does_not_exist_cannot_be_changed() {
    for command in [
        nothing_described(),
        Command::SetPrice(euros(1)),
        price_changes::schedule(1, euros(1), 0, None),
        price_changes::cancel(1, 0),
        Command::Publish,
        Command::Unpublish,
        Command::Archive,
    ] {
        given::<Product>([]).when(command).rejected(Rejection::NotFound);
    }
}

#[test]
fn a_description_changes_what_is_named_and_leaves_the_rest() {
    let rename = Command::Describe { name: Some(name("Kettle")), description: None, metadata: Patch::Keep };
    given::<Product>([created()]).when(rename).then([described("Kettle")]);
}

#[test]
fn metadata_can_be_emptied() {
    let clear = Command::Describe { name: None, description: None, metadata: Patch::Remove };
    given::<Product>([created()]).when(clear).then([Event::Described {
        name: name("Teapot"),
        description: description("Holds a litre."),
        metadata: Metadata::default(),
    }]);
}

#[test]
fn metadata_is_merged_within_its_bounds() {
    let patch = |metadata| Command::Describe { name: None, description: None, metadata };
    given::<Product>([created()]).when(patch(merge(&[("size", Some("XL")), ("colour", None)]))).then([
        Event::Described {
            name: name("Teapot"),
            description: description("Holds a litre."),
            metadata: metadata("size", "XL"),
        },
    ]);
    let large = "x".repeat(4_000);
    let full = fold(&[created()]);
    assert_eq!(
        Product::decide(&full, patch(merge(&[("note", Some(&large)), ("more", Some(&large[..80]))]))),
        Err(Rejection::Metadata(InvalidMetadata::TooLarge(4_098)))
    );
}

#[test]
fn describing_a_product_as_it_is_changes_nothing() {
    given::<Product>([created()]).when(nothing_described()).then([]);
    let same = Command::Describe {
        name: Some(name("Teapot")),
        description: Some(description("Holds a litre.")),
        metadata: merge(&[("colour", Some("blue")), ("size", None)]),
    };
    given::<Product>([created()]).when(same).then([]);
}

#[test]
fn a_description_is_compared_with_the_newest() {
    let back = Command::Describe { name: Some(name("Teapot")), description: None, metadata: Patch::Keep };
    given::<Product>([created(), described("Kettle")]).when(back).then([described("Teapot")]);
}

#[test]
fn a_price_can_be_changed() {
    given::<Product>([created()])
        .when(Command::SetPrice(euros(2499)))
        .then([Event::PriceSet { price: euros(2499) }]);
}

#[test]
fn a_price_of_zero_is_a_price() {
    given::<Product>([created()])
        .when(Command::SetPrice(euros(0)))
        .then([Event::PriceSet { price: euros(0) }]);
}

#[test]
fn the_price_that_is_set_already_changes_nothing() {
    given::<Product>([created()]).when(Command::SetPrice(euros(1999))).then([]);
}

#[test]
fn a_price_in_another_currency_stands_beside_the_first() {
    let yen = price(2500, Currency::JPY);
    given::<Product>([created()]).when(Command::SetPrice(yen)).then([Event::PriceSet { price: yen }]);
    let product: Product = fold(&[created(), Event::PriceSet { price: yen }]);
    let details = product.details().expect("it exists");
    assert_eq!(details.price_in(Currency::EUR), Some(euros(1999)));
    assert_eq!(details.price_in(Currency::JPY), Some(yen));
}

#[test]
fn prices_in_more_currencies_than_allowed_are_refused() {
    let others: Vec<Currency> = currencies().filter(|currency| *currency != Currency::EUR).collect();
    let full: Vec<Event> = std::iter::once(created())
        .chain(others.iter().take(MAX_CURRENCIES - 1).map(|c| Event::PriceSet { price: price(1, *c) }))
        .collect();
    let one_more = Command::SetPrice(price(1, others[MAX_CURRENCIES]));
    given::<Product>(full.clone()).when(one_more).rejected(Rejection::TooManyCurrencies);
    given::<Product>(full).when(Command::SetPrice(euros(5))).then([Event::PriceSet { price: euros(5) }]);
}

#[test]
fn a_draft_can_be_published() {
    given::<Product>([created()]).when(Command::Publish).then([Event::Published {}]);
}

#[test]
fn publishing_twice_changes_nothing() {
    given::<Product>([created(), Event::Published {}]).when(Command::Publish).then([]);
}

#[test]
fn a_published_product_can_be_withdrawn_and_published_again() {
    given::<Product>([created(), Event::Published {}]).when(Command::Unpublish).then([Event::Unpublished {}]);
    given::<Product>([created(), Event::Published {}, Event::Unpublished {}])
        .when(Command::Publish)
        .then([Event::Published {}]);
}

#[test]
fn withdrawing_a_draft_changes_nothing() {
    given::<Product>([created()]).when(Command::Unpublish).then([]);
}

#[test]
fn a_product_can_be_archived_published_or_not() {
    given::<Product>([created()]).when(Command::Archive).then([Event::Archived {}]);
    given::<Product>([created(), Event::Published {}]).when(Command::Archive).then([Event::Archived {}]);
}

#[test]
fn archiving_twice_changes_nothing() {
    given::<Product>([created(), Event::Archived {}]).when(Command::Archive).then([]);
}

#[test]
fn an_archived_product_cannot_be_changed() {
    for command in [nothing_described(), Command::SetPrice(euros(1)), Command::Publish, Command::Unpublish] {
        given::<Product>([created(), Event::Archived {}]).when(command).rejected(Rejection::Archived);
    }
}

#[test]
fn each_rejection_has_its_code() {
    use decider::Rejection as R;
    let codes = [
        (Rejection::NotFound, "not_found"),
        (Rejection::AlreadyExists, "already_exists"),
        (Rejection::Archived, "product_archived"),
        (Rejection::TooManyCurrencies, "too_many_currencies"),
        (Rejection::PriceChangeTimes(InvalidTimes::EndsTooSoon), "validation_failed"),
        (Rejection::PriceChangeOverlaps { other: price_changes::id(1) }, "price_change_overlaps"),
        (Rejection::TooManyPriceChanges, "too_many_price_changes"),
        (Rejection::NoSuchPriceChange, "not_found"),
        (Rejection::Metadata(InvalidMetadata::TooMany(21)), "validation_failed"),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code().as_str(), code);
        assert!(<Rejection as R>::CODES.contains(&rejection.code()));
    }
}

fn any_price() -> impl Strategy<Value = Price> {
    let currency = prop_oneof![Just(Currency::EUR), Just(Currency::USD), Just(Currency::JPY)];
    (0..5_i64, currency).prop_map(|(amount, currency)| price(amount, currency))
}

fn any_command() -> impl Strategy<Value = Command> {
    let text = prop_oneof![Just("Teapot"), Just("Kettle"), Just("Tasse à café \u{1f375}")];
    let names = proptest::option::of(text.clone().prop_map(name));
    let descriptions = proptest::option::of(text.clone().prop_map(description));
    let pair = (prop_oneof![Just("seen"), Just("by")], proptest::option::of(text));
    let pairs =
        prop_oneof![Just(Patch::Keep), Just(Patch::Remove), vec(pair, 0..3).prop_map(|pairs| merge(&pairs)),];
    prop_oneof![
        any_price().prop_map(|price| Command::Create {
            name: name("Cup"),
            description: description(""),
            price,
            external_id: None,
            metadata: Metadata::default(),
        }),
        (names, descriptions, pairs).prop_map(|(name, description, metadata)| Command::Describe {
            name,
            description,
            metadata
        }),
        any_price().prop_map(Command::SetPrice),
        price_changes::any_command(),
        Just(Command::Publish),
        Just(Command::Unpublish),
        Just(Command::Archive),
    ]
}

proptest! {
    #[test]
    fn a_command_repeated_changes_nothing_or_is_refused(
        before in vec(any_command(), 0..12),
        command in any_command(),
    ) {
        let mut product = History::<Product>::of(before);
        product.ask(command.clone());
        prop_assert_eq!(product.ask(command), vec![]);
    }

    #[test]
    fn the_log_gives_back_the_same_product(commands in vec(any_command(), 0..20)) {
        let product = History::<Product>::of(commands);
        let events = stored_and_read::<Product>(&product.events);
        prop_assert_eq!(&events, &product.events);
        prop_assert_eq!(fold::<Product>(&events), product.state);
    }

    #[test]
    fn nothing_follows_an_archival(commands in vec(any_command(), 0..20)) {
        let events = History::<Product>::of(commands).events;
        let archived = events.iter().position(|event| matches!(event, Event::Archived {}));
        prop_assert!(archived.is_none_or(|place| place + 1 == events.len()));
    }

    #[test]
    fn whatever_was_stored_can_be_folded(commands in vec(any_command(), 0..20), skipped in 0..20_usize) {
        let events = History::<Product>::of(commands).events;
        let _: Product = fold(events.iter().skip(skipped));
    }

    #[test]
    fn a_state_survives_being_written_down(commands in vec(any_command(), 0..20)) {
        let state = History::<Product>::of(commands).state;
        let text = serde_json::to_string(&state).expect("states serialize");
        prop_assert_eq!(serde_json::from_str::<Product>(&text).expect("and back"), state);
    }

    #[test]
    fn a_product_decides_the_same_each_time(before in vec(any_command(), 0..12), command in any_command()) {
        let state = History::<Product>::of(before).state;
        prop_assert_eq!(state.decide(command.clone()), state.decide(command));
    }
}
