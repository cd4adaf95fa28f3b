//! What is recorded of events behind the log: that they were published, applied, and what they caused.

use daybook_domain::Record;
use daybook_migrations::traces::{self, KeyValue, Span, SpanContext, SpanKind};

/// Where the request that caused it goes on, if that is sampled. What is old is not news: a rebuild, or a worker that
/// catches up, has come to it.
fn place(record: &Record) -> Option<SpanContext> {
    let place = traces::sampled(record.traceparent())?;
    traces::is_news(record.recorded_at.into()).then_some(place)
}

/// A span for work on these events, if the request of one of them is sampled.
pub(crate) fn begin<'a>(
    name: &'static str,
    kind: SpanKind,
    records: impl IntoIterator<Item = &'a Record>,
) -> Option<Span> {
    // So that no metadata are looked at in vain.
    if !traces::is_on() {
        return None;
    }
    let mut position = None;
    let places = records.into_iter().filter_map(|record| {
        let place = place(record)?;
        position = Some(record.position.0);
        Some(place)
    });
    let mut span = Span::of_batch(name, kind, places)?;
    span.set(position.map(|position| KeyValue::new("daybook.position", position)));
    Some(span)
}

/// That events go from one process to others.
pub(crate) fn message(span: &mut Span, operation: &'static str, stream: &str, events: usize) {
    span.set([
        KeyValue::new("messaging.system", "nats"),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.destination.name", stream.to_owned()),
        KeyValue::new("messaging.batch.message_count", i64::try_from(events).unwrap_or(i64::MAX)),
    ]);
}

/// The header that consumers go on with; `None` if the event's request isn't sampled.
pub(crate) fn header(record: &Record) -> Option<&str> {
    record.traceparent().filter(|text| traces::sampled(Some(text)).is_some())
}
