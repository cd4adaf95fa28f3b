//! What a client wants to read.

use daybook_domain::Position;
use tonic::Status;

use crate::{
    filter::Filter,
    protocol::{
        StreamIdentifier,
        streams::{
            ReadReq,
            read_req::options::{
                AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions,
                UuidOption, all_options::AllOption, stream_options::RevisionOption, uuid_option,
            },
        },
    },
    status::unclear,
    wire::{Form, Ids, Links},
};

#[derive(Debug, Clone)]
pub struct Ask {
    pub of: Of,
    /// What the client called the stream.
    pub name: String,
    pub from: Begin,
    pub amount: Amount,
    /// `None`: the client doesn't filter, and isn't told where it is.
    pub filter: Option<Filter>,
    pub form: Form,
    /// The client understands where a stream ends.
    pub knows_ends: bool,
}

/// The events of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Log,
    /// One without a kind is never there.
    Stream {
        kind: String,
        id: String,
    },
    /// `$ce-order`: links to the events of all streams of a kind.
    Category(String),
    /// `$et-OrderPlaced`: links to all events of a type.
    Type(String),
}

/// From where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    Start,
    End,
    /// A position, or a revision.
    At(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many events that there are, and no more.
    Forwards(i64),
    Backwards(i64),
    /// What there is and what comes.
    Subscription,
}

impl Ask {
    /// Whether its client says that it has had an event at this place.
    pub fn has_had(&self, position: Position, revision: i64) -> bool {
        let Begin::At(place) = self.from else { return false };
        place >= if let Of::Stream { .. } = self.of { revision } else { position.0 }
    }

    pub fn read(request: ReadReq) -> Result<Self, Status> {
        let options = request.options.ok_or_else(|| unclear("options are required"))?;
        let direction = options.read_direction();
        let (of, name, from) = match options.stream_option {
            Some(StreamOption::All(all)) => (Of::Log, "$all".to_owned(), of_all(&all)),
            Some(StreamOption::Stream(stream)) => of_stream(stream)?,
            None => return Err(unclear("a stream is required, or all of them")),
        };
        let amount = match (options.count_option, direction) {
            (Some(CountOption::Count(count)), ReadDirection::Forwards) => Amount::Forwards(clamped(count)),
            (Some(CountOption::Count(count)), ReadDirection::Backwards) => Amount::Backwards(clamped(count)),
            (Some(CountOption::Subscription(_)), ReadDirection::Forwards) => Amount::Subscription,
            (Some(CountOption::Subscription(_)), ReadDirection::Backwards) => {
                return Err(unclear("a subscription goes forwards"));
            }
            (None, _) => return Err(unclear("a count is required, or a subscription")),
        };
        let filter = match (options.filter_option, &of) {
            (Some(FilterOption::Filter(filter)), Of::Log) => Some(Filter::read(filter)?),
            (Some(FilterOption::Filter(_)), _) => return Err(unclear("one stream has no filter")),
            (Some(FilterOption::NoFilter(_)) | None, _) => None,
        };
        let is_of_links = matches!(of, Of::Category(_) | Of::Type(_));
        let links = is_of_links.then(|| Links { stream: name.clone(), resolved: options.resolve_links });
        let form = Form { ids: ids(options.uuid_option), links };
        let knows_ends = options.control_option.is_some_and(|control| control.compatibility >= 1);
        Ok(Self { of, name, from, amount, filter, form, knows_ends })
    }
}

fn of_all(all: &AllOptions) -> Begin {
    match &all.all_option {
        Some(AllOption::Position(position)) => at(position.commit_position),
        Some(AllOption::Start(_)) | None => Begin::Start,
        Some(AllOption::End(_)) => Begin::End,
    }
}

fn of_stream(stream: StreamOptions) -> Result<(Of, String, Begin), Status> {
    let StreamIdentifier { stream_name } =
        stream.stream_identifier.ok_or_else(|| unclear("a stream has a name"))?;
    let name = String::from_utf8(stream_name.into()).ok().filter(|name| !name.contains('\0'));
    let name = name.ok_or_else(|| unclear("a stream's name is UTF-8, without NUL"))?;
    let from = match stream.revision_option {
        Some(RevisionOption::Revision(revision)) => at(revision),
        Some(RevisionOption::Start(_)) | None => Begin::Start,
        Some(RevisionOption::End(_)) => Begin::End,
    };
    Ok((named(&name), name, from))
}

fn named(name: &str) -> Of {
    if let Some(kind) = name.strip_prefix("$ce-") {
        return Of::Category(kind.to_owned());
    }
    if let Some(r#type) = name.strip_prefix("$et-") {
        return Of::Type(r#type.to_owned());
    }
    let (kind, id) = name.split_once('-').unwrap_or(("", name));
    Of::Stream { kind: kind.to_owned(), id: id.to_owned() }
}

/// Without a wish, ids are what the oldest clients understand.
fn ids(option: Option<UuidOption>) -> Ids {
    match option.and_then(|option| option.content) {
        Some(uuid_option::Content::String(_)) => Ids::Text,
        Some(uuid_option::Content::Structured(_)) | None => Ids::Numbers,
    }
}

/// Some clients write the end as the largest number.
fn at(place: u64) -> Begin {
    if place == u64::MAX { Begin::End } else { Begin::At(clamped(place)) }
}

fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX - 1)
}

#[cfg(test)]
mod tests;
