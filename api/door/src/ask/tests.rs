use tonic::Code;

use super::*;
use crate::protocol::{
    Empty,
    streams::read_req::{
        self, options,
        options::{FilterOptions, Position, SubscriptionOptions, filter_options::Expression},
    },
};

fn stream(name: &[u8], from: RevisionOption) -> StreamOption {
    StreamOption::Stream(StreamOptions {
        stream_identifier: Some(StreamIdentifier { stream_name: name.to_vec().into() }),
        revision_option: Some(from),
    })
}

fn all(from: AllOption) -> StreamOption {
    StreamOption::All(AllOptions { all_option: Some(from) })
}

fn options(of: StreamOption, amount: CountOption) -> read_req::Options {
    read_req::Options { stream_option: Some(of), count_option: Some(amount), ..Default::default() }
}

fn read(options: read_req::Options) -> Result<Ask, Code> {
    Ask::read(ReadReq { options: Some(options) }).map_err(|status| status.code())
}

fn named(name: &str) -> Of {
    let of = stream(name.as_bytes(), RevisionOption::Start(Empty {}));
    read(options(of, CountOption::Count(1))).expect("it is understood").of
}

#[test]
fn a_stream_is_called_by_its_kind_and_id() {
    let of = |kind: &str, id: &str| Of::Stream { kind: kind.into(), id: id.into() };
    assert_eq!(named("order-ord_1"), of("order", "ord_1"));
    assert_eq!(named("external_id-a-b"), of("external_id", "a-b"));
    assert_eq!(named("order"), of("", "order"));
    assert_eq!(named("$ce-order"), Of::Category("order".into()));
    assert_eq!(named("$et-OrderPlaced"), Of::Type("OrderPlaced".into()));
}

#[test]
fn the_largest_number_is_the_end() {
    let from = |of| read(options(of, CountOption::Count(1))).expect("it is understood").from;
    let position =
        |commit| all(AllOption::Position(Position { commit_position: commit, prepare_position: 0 }));
    assert_eq!(from(position(7)), Begin::At(7));
    assert_eq!(from(position(u64::MAX)), Begin::End);
    assert_eq!(from(position(u64::MAX - 1)), Begin::At(i64::MAX - 1));
    assert_eq!(from(stream(b"a-b", RevisionOption::Revision(u64::MAX))), Begin::End);
}

#[test]
fn ids_are_text_only_for_clients_that_ask_for_that() {
    let form = |content| {
        let mut options = options(all(AllOption::Start(Empty {})), CountOption::Count(1));
        options.uuid_option = content;
        read(options).expect("it is understood").form.ids
    };
    let text = options::uuid_option::Content::String(Empty {});
    assert_eq!(form(Some(UuidOption { content: Some(text) })), Ids::Text);
    assert_eq!(form(None), Ids::Numbers);
}

#[test]
fn what_can_not_be_asked_for_is_refused() {
    let start = || all(AllOption::Start(Empty {}));
    let subscription = || CountOption::Subscription(SubscriptionOptions {});
    let mut backwards = options(start(), subscription());
    backwards.set_read_direction(ReadDirection::Backwards);
    let mut filtered = options(stream(b"a-b", RevisionOption::Start(Empty {})), subscription());
    filtered.filter_option = Some(FilterOption::Filter(FilterOptions::default()));
    let mut both = options(start(), subscription());
    let expression = Expression { regex: "a".into(), prefix: vec!["b".into()] };
    both.filter_option = Some(FilterOption::Filter(FilterOptions {
        filter: Some(options::filter_options::Filter::EventType(expression)),
        ..Default::default()
    }));
    let nothing = read_req::Options::default();
    let unnamed = options(StreamOption::Stream(StreamOptions::default()), CountOption::Count(1));
    let strange = options(stream(b"a-\0", RevisionOption::Start(Empty {})), CountOption::Count(1));
    for bad in [backwards, filtered, both, nothing, unnamed, strange] {
        assert_eq!(read(bad.clone()).expect_err("it is refused"), Code::InvalidArgument, "{bad:?}");
    }
    assert!(Ask::read(ReadReq { options: None }).is_err());
}
