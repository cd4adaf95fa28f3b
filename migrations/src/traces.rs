//! Spans of OpenTelemetry: what became of a request, until the last mail that follows from it.
//!
//! Whether a request is sampled is decided once, when it arrives, and written into the `traceparent` that its events
//! keep. Whatever happens because of them, in whichever process, looks there. Nothing is recorded of the others, and
//! nothing at all until a process turns this on.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::{
    Context,
    global::{self, BoxedSpan, BoxedTracer},
    trace::{
        Span as _, SpanBuilder, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    },
};
pub use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanKind},
};

/// The name of what records these spans.
const SCOPE: &str = "daybook";
/// What happens to older events is catching up, which is recorded nowhere.
const HISTORY: Duration = Duration::from_secs(3_600);

/// Which requests are sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// A caller that has a trace has decided for it.
    pub follows_parent: bool,
    /// How many of the others, from 0 to 1.
    pub ratio: f64,
}

/// What a process that records has said of it.
struct Recording {
    sampling: Sampling,
    may_begin: Box<dyn Fn() -> bool + Send + Sync>,
    has_room: Box<dyn Fn() -> bool + Send + Sync>,
}

static RECORDING: OnceLock<Recording> = OnceLock::new();
/// What begins spans. Nothing does before this is on.
static TRACER: LazyLock<BoxedTracer> = LazyLock::new(|| global::tracer(SCOPE));

/// Called once, by a process that has somewhere to send spans to and has said so to OpenTelemetry. `may_begin` is asked
/// for each trace that would be sampled, and `has_room` when a span of one begins: what would be dropped in the end is
/// not even made.
pub fn turn_on(
    sampling: Sampling,
    may_begin: impl Fn() -> bool + Send + Sync + 'static,
    has_room: impl Fn() -> bool + Send + Sync + 'static,
) {
    let recording = Recording { sampling, may_begin: Box::new(may_begin), has_room: Box::new(has_room) };
    let _ = RECORDING.set(recording);
}

pub fn is_on() -> bool {
    RECORDING.get().is_some()
}

impl Sampling {
    fn takes(self, trace: TraceId, decided: Option<bool>) -> bool {
        match decided {
            Some(decided) if self.follows_parent => decided,
            _ => self.takes_share(trace),
        }
    }

    /// The same for every process that has this ratio, because the end of an id is random.
    #[allow(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    fn takes_share(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = trace.to_bytes();
        let place = u64::from_be_bytes([0, a, b, c, d, e, f, g]) as f64 / (1_u64 << 56) as f64;
        place < self.ratio
    }
}

/// The trace of a request that has arrived.
#[derive(Debug)]
pub struct Trace {
    /// As the events of the request keep it, and as it is told to others.
    pub parent: String,
    span: Option<Span>,
}

impl Trace {
    /// Goes on with the caller's trace, or begins one.
    pub fn of(given: Option<&str>) -> Self {
        let given = given.and_then(|text| Some((text, read(text)?)));
        match (given, RECORDING.get()) {
            (Some((text, _)), None) => Self { parent: text.to_owned(), span: None },
            (None, None) => Self::untaken(&made()),
            (given, Some(Recording { sampling, may_begin, .. })) => {
                let (caller, decided) = match given {
                    Some((_, caller)) => (caller.clone(), Some(caller.is_sampled())),
                    None => (made(), None),
                };
                if !sampling.takes(caller.trace_id(), decided) || !may_begin() {
                    return Self::untaken(&caller);
                }
                let parent = decided.map(|_| &caller);
                let span = Span::begin("request", SpanKind::Server, parent, Instant::now());
                Self { parent: written(&span.place(), true), span: Some(span) }
            }
        }
    }

    fn untaken(place: &SpanContext) -> Self {
        Self { parent: written(place, false), span: None }
    }

    pub fn id(&self) -> &str {
        id(&self.parent)
    }

    /// The span of the request, to be named, described and dropped when it is answered; `None` if it isn't sampled.
    pub fn end(&mut self) -> Option<Span> {
        self.span.take()
    }

    /// The same for a request of which nothing is recorded.
    #[must_use]
    pub fn of_probe(given: Option<&str>) -> Self {
        let place = given.and_then(read).unwrap_or_else(made);
        Self::untaken(&place)
    }
}

/// A span under way. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    place: SpanContext,
    /// None where there was no room for it.
    recorded: Option<BoxedSpan>,
}

impl Span {
    /// Within the trace of `parent`, or in one of its own.
    pub fn begin(
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
        started: Instant,
    ) -> Self {
        if !RECORDING.get().is_some_and(|recording| (recording.has_room)()) {
            return Self { place: within(parent), recorded: None };
        }
        let context = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let begun = now() - started.elapsed();
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(begun);
        let span = TRACER.build_with_context(builder, &context.unwrap_or_default());
        Self { place: span.span_context().clone(), recorded: Some(span) }
    }

    /// For work on a batch that several requests have caused: in the trace of the first one that is sampled, with a link
    /// to each. `None` if none is.
    pub fn of_batch(
        name: &'static str,
        kind: SpanKind,
        places: impl IntoIterator<Item = SpanContext>,
    ) -> Option<Self> {
        let mut places: Vec<SpanContext> = places.into_iter().collect();
        // What one request caused stands side by side.
        places.dedup();
        let mut span = Self::begin(name, kind, Some(places.first()?), Instant::now());
        for place in places {
            span.link(place);
        }
        Some(span)
    }

    pub fn place(&self) -> SpanContext {
        self.place.clone()
    }

    pub fn link(&mut self, place: SpanContext) {
        if let Some(span) = &mut self.recorded {
            span.add_link(place, vec![]);
        }
    }

    pub fn name(&mut self, name: String) {
        if let Some(span) = &mut self.recorded {
            span.update_name(name);
        }
    }

    pub fn set(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Some(span) = &mut self.recorded {
            span.set_attributes(attributes);
        }
    }

    /// It didn't go well. `kind` is one of few words.
    pub fn fail(&mut self, kind: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new("error.type", kind.into()));
            span.set_status(Status::error(""));
        }
    }
}

/// Where something happens whose events keep this `traceparent`; `None` if nothing is to be recorded of it.
pub fn sampled(traceparent: Option<&str>) -> Option<SpanContext> {
    RECORDING.get()?;
    let text = traceparent?;
    // The last digit of the flags, which is this one for whatever isn't sampled here: the rest isn't read.
    if text.as_bytes().get(54) == Some(&b'0') {
        return None;
    }
    read(text).filter(SpanContext::is_sampled)
}

/// Whether an event of that time is so young that it is news.
pub fn is_news(recorded_at: SystemTime) -> bool {
    now().duration_since(recorded_at).map_or(true, |age| age < HISTORY)
}

/// The second field of a `traceparent`.
pub fn id(traceparent: &str) -> &str {
    traceparent.get(3..35).unwrap_or_default()
}

/// `version-traceid-parentid-flags` (W3C Trace Context). Of versions after 00, more may follow.
fn read(text: &str) -> Option<SpanContext> {
    let is_hex = |field: &str| field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut fields = text.split('-');
    let [version, trace, parent, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let version_fits = match version {
        "00" => fields.next().is_none(),
        "ff" => false,
        _ => version.len() == 2 && is_hex(version) && text.len() <= 256 && text.is_ascii(),
    };
    let fits = version_fits
        && [(trace, 32), (parent, 16), (flags, 2)]
            .iter()
            .all(|(field, length)| field.len() == *length && is_hex(field));
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok().filter(|_| fits)?);
    let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
    Some(SpanContext::new(trace, parent, flags, true, TraceState::NONE)).filter(SpanContext::is_valid)
}

fn written(place: &SpanContext, is_sampled: bool) -> String {
    format!("00-{}-{}-0{}", place.trace_id(), place.span_id(), u8::from(is_sampled))
}

/// A trace that is new.
fn made() -> SpanContext {
    let (trace, span): (u128, u64) = (rand::random(), rand::random());
    place(TraceId::from(trace.max(1)), SpanId::from(span.max(1)), TraceFlags::default())
}

/// A new place in the trace of `parent`, or in one of its own, that is sampled.
fn within(parent: Option<&SpanContext>) -> SpanContext {
    let new = made();
    let trace = parent.map_or(new.trace_id(), SpanContext::trace_id);
    place(trace, new.span_id(), TraceFlags::SAMPLED)
}

fn place(trace: TraceId, span: SpanId, flags: TraceFlags) -> SpanContext {
    SpanContext::new(trace, span, flags, false, TraceState::NONE)
}

/// The wall clock, as spans have it.
fn now() -> SystemTime {
    opentelemetry::time::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_of_the_standard_is_kept_and_any_other_replaced() {
        assert_eq!(Trace::of(Some(GOOD)).parent, GOOD);
        assert_eq!(id(GOOD), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(Trace::of(Some(later)).parent, later);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        ] {
            let made = Trace::of(Some(bad)).parent;
            assert!(made != bad && read(&made).is_some_and(|place| !place.is_sampled()), "{bad}: {made}");
        }
    }

    /// Catches: spans while nothing takes them.
    #[test]
    fn while_this_is_off_nothing_is_sampled() {
        assert!(!is_on() && sampled(Some(GOOD)).is_none());
        assert!(Trace::of(Some(GOOD)).end().is_none() && Trace::of(None).end().is_none());
    }

    #[test]
    fn a_share_of_traces_is_taken_and_callers_decide_if_they_may() {
        let of = |follows_parent, ratio| Sampling { follows_parent, ratio };
        let ids: Vec<TraceId> = (0..10_000).map(|_| made().trace_id()).collect();
        let taken = |ratio: f64| ids.iter().filter(|id| of(true, ratio).takes(**id, None)).count();
        assert_eq!((taken(0.0), taken(1.0)), (0, 10_000));
        assert!((800..1_200).contains(&taken(0.1)), "{}", taken(0.1));
        assert!(of(true, 0.0).takes(ids[0], Some(true)) && !of(true, 1.0).takes(ids[0], Some(false)));
        assert!(!of(false, 0.0).takes(ids[0], Some(true)) && of(false, 1.0).takes(ids[0], Some(false)));
    }
}
