//! What is recorded of commands on their way into the log: how long each waited for its batch, and the append.

use daybook_migrations::traces::{KeyValue, Span, SpanKind};

use super::{batch::Batch, ended::Ended, submission::Queued};

/// The commands of a batch that are sampled.
fn queued(batch: &Batch) -> impl Iterator<Item = &Queued> {
    batch.commands.iter().filter_map(|decided| decided.submission.queued.as_ref())
}

/// One span for all commands, which link to it as it does to them.
pub(super) fn begin_append(batch: &Batch) -> Option<Span> {
    let span = begin("append", batch)?;
    for Queued { place, since } in queued(batch) {
        Span::begin("queue", SpanKind::Internal, Some(place), *since).link(span.place());
    }
    Some(span)
}

/// The same for a batch that is decided again under the append lock.
pub(super) fn begin_again(batch: &Batch) -> Option<Span> {
    begin("append again", batch)
}

fn begin(name: &'static str, batch: &Batch) -> Option<Span> {
    let places = queued(batch).map(|queued| queued.place.clone());
    let mut span = Span::of_batch(name, SpanKind::Client, places)?;
    span.set([
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.stored_procedure.name", "append_batch"),
        count("daybook.batch.commands", batch.commands.len()),
    ]);
    Some(span)
}

pub(super) fn end_append(span: Option<Span>, ended: &Ended) {
    let Some(mut span) = span else { return };
    match ended {
        Ended::Appended(batch, appended) => span.set([
            count("daybook.batch.events", batch.events.len()),
            KeyValue::new("daybook.position", appended.position(batch.events.len()).0),
        ]),
        Ended::Outdated(_) => span.fail("outdated"),
        Ended::Failed(_, failure) => span.fail(failure.code().as_str()),
        Ended::Redecided(_) => {}
    }
}

fn count(name: &'static str, number: usize) -> KeyValue {
    KeyValue::new(name, i64::try_from(number).unwrap_or(i64::MAX))
}
