use super::*;

fn filter(subject: fn(Expression) -> Subject, regex: &str, prefixes: &[&str]) -> Result<Filter, Status> {
    let prefix = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    let expression = Expression { regex: regex.to_owned(), prefix };
    Filter::read(FilterOptions {
        filter: Some(subject(expression)),
        window: Some(Window::Max(30)),
        checkpoint_interval_multiplier: 5,
    })
}

fn types_of(regex: &str, prefixes: &[&str]) -> Types {
    filter(Subject::EventType, regex, prefixes).expect("it is understood").types
}

/// Catches: a dialect without look-ahead, which the Python client sends unless it is told otherwise.
#[test]
fn what_leaves_out_only_types_of_the_system_leaves_out_nothing() {
    for regex in [r"^(?!(\$.+$|PersistentConfig\d+$))", r"^[^\$].*", ""] {
        assert!(matches!(types_of(regex, &[]), Types::All), "{regex}");
    }
}

#[test]
fn types_are_chosen_by_name() {
    let Types::Public(chosen) = types_of("", &["OrderPl", "Stock"]) else { panic!("some of them") };
    assert!(chosen.contains(&"OrderPlaced".to_owned()) && chosen.contains(&"StockHeld".to_owned()));
    assert!(!chosen.iter().any(|name| name.starts_with("Product") || name == "Internal"));
    let Types::Public(chosen) = types_of("^(?!Account|Order|Product|Stock|Tax)", &[]) else {
        panic!("one of them")
    };
    assert_eq!(chosen, ["Internal"]);
    assert!(matches!(types_of("^Nothing", &[]), Types::Public(chosen) if chosen.is_empty()));
}

#[test]
fn streams_are_chosen_by_name() {
    let streams = |regex: &str, prefixes: &[&str]| {
        filter(Subject::StreamIdentifier, regex, prefixes).expect("it is understood").streams
    };
    let Streams::Prefixed(prefixes) = streams("", &["order-", "stock-T"]) else { panic!("prefixes") };
    assert_eq!(prefixes, ["order-", "stock-T"]);
    assert!(matches!(streams("^order", &[]), Streams::Chosen(_)));
    assert!(matches!(streams("", &[]), Streams::All));
}

#[test]
fn a_checkpoint_comes_after_the_clients_windows() {
    assert_eq!(filter(Subject::EventType, "", &[]).expect("it is understood").checkpoint_every, 150);
    assert_eq!(Filter::read(FilterOptions::default()).expect("it is understood").checkpoint_every, 32);
}

#[test]
fn what_is_too_long_or_no_expression_is_refused() {
    let long = "a".repeat(1_025);
    let many = vec!["a"; 101];
    for (regex, prefixes) in [
        ("(", &[][..]),
        (&long, &[]),
        ("", &[long.as_str()]),
        ("", &many),
        ("a", &["b"]),
        ("", &["order-\0"]),
    ] {
        let refused = filter(Subject::EventType, regex, prefixes).expect_err("it is refused");
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
}

/// Catches: an expression that keeps a thread busy for ever.
#[test]
fn an_expression_that_is_too_much_work_is_refused() {
    let filter = filter(Subject::StreamIdentifier, r"-(a|aa)+\1$", &[]).expect("it is understood");
    let Streams::Chosen(chooser) = &filter.streams else { panic!("streams that are chosen") };
    assert!(chooser.chooses("order", "aaaa") && filter.check().is_ok());
    assert!(!chooser.chooses("order", &format!("{}b", "a".repeat(60))));
    assert_eq!(filter.check().expect_err("it is too much").code(), tonic::Code::InvalidArgument);
    // What it lets through from then on is not asked any more.
    assert!(!chooser.chooses("order", "aaaa"));
}
