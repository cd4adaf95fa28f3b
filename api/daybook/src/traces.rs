//! Where spans go: to a collector of OpenTelemetry, over OTLP (protobuf over HTTP). The variables are the standard's.
//!
//! A collector that is away slows nothing: spans wait in a queue with an end, and are dropped and counted beyond it. And
//! no more traces begin within a second than fit there, so that those that are sampled are whole, and cost little.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use daybook_core::entropy;
use daybook_migrations::{
    metrics,
    traces::{self, Sampling},
};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
        SpanExporter as Exports, SpanProcessor,
    },
};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

/// How many spans wait for a collector, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise.
const QUEUE: usize = 2_048;
/// A trace has about as many spans as this, up to its mail.
const SPANS_OF_A_TRACE: usize = 8;
/// How long a process that ends waits until the last spans are taken.
const LAST: Duration = Duration::from_secs(2);

metrics! {
    DROPPED: IntCounterVec(
        "daybook_spans_dropped_total", "Spans that no collector got: it was away, or the queue was full.", &["reason"]);
    LEFT_OUT: IntCounter(
        "daybook_traces_left_out_total", "Requests that were to be sampled, and weren't: too many began within a second.");
}

#[derive(Debug, thiserror::Error)]
pub enum BadTraces {
    #[error("the variables of OpenTelemetry: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error(
        "OTEL_TRACES_SAMPLER: {0} is none of always_on, always_off, traceidratio, and these after parentbased_"
    )]
    Sampler(String),
    #[error("OTEL_TRACES_SAMPLER_ARG: {0} is not a number from 0 to 1")]
    Ratio(String),
}

/// What sends spans, until it is stopped.
pub struct Sending(SdkTracerProvider);

/// Nothing is sent, and nothing recorded, unless a variable names a collector.
pub async fn start() -> Result<Option<Sending>, BadTraces> {
    let endpoint =
        ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].into_iter().find_map(said);
    let is_off = said("OTEL_SDK_DISABLED").is_some_and(|disabled| disabled.eq_ignore_ascii_case("true"))
        || said("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
    if endpoint.is_none() || is_off {
        return Ok(None);
    }
    let sampling =
        sampling(said("OTEL_TRACES_SAMPLER").as_deref(), said("OTEL_TRACES_SAMPLER_ARG").as_deref())?;
    // Its client blocks, which no thread of the runtime may.
    let queue = Queue::new();
    let has_room = queue.clone();
    let pace = Pace::of((queue.most / SPANS_OF_A_TRACE).max(1));
    let begun = Instant::now();
    let provider = spawn_blocking(|| provider(queue)).await.expect("it doesn't panic")?;
    global::set_tracer_provider(provider.clone());
    let may_begin = move || {
        let may_begin = pace.takes_one(begun.elapsed().as_secs());
        if !may_begin {
            LEFT_OUT.inc();
        }
        may_begin
    };
    traces::turn_on(sampling, may_begin, move || has_room.has_room());
    info!(?sampling, "spans are sent to a collector");
    Ok(Some(Sending(provider)))
}

impl Sending {
    /// Sends what is left, if that is soon done.
    pub async fn stop(self) {
        // A collector that is away has been told of.
        let _ = spawn_blocking(move || self.0.shutdown_with_timeout(LAST)).await;
    }
}

/// What a variable says. An empty one says nothing.
fn said(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// By default everything is sampled, except what a caller has decided about.
fn sampling(sampler: Option<&str>, argument: Option<&str>) -> Result<Sampling, BadTraces> {
    let sampler = sampler.unwrap_or("parentbased_always_on");
    let root = sampler.strip_prefix("parentbased_");
    let ratio = match root.unwrap_or(sampler) {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let argument = argument.unwrap_or("1");
            let ratio = argument.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.ok_or_else(|| BadTraces::Ratio(argument.to_owned()))?
        }
        _ => return Err(BadTraces::Sampler(sampler.to_owned())),
    };
    Ok(Sampling { follows_parent: root.is_some(), ratio })
}

fn provider(queue: Queue) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().build()?;
    let exporter = Counted { exporter, queue: queue.clone(), is_away: AtomicBool::new(false) };
    let batches = BatchConfigBuilder::default().with_max_queue_size(queue.most).build();
    let batches = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    for reason in ["queue_full", "not_exported"] {
        DROPPED.with_label_values(&[reason]).inc_by(0);
    }
    LEFT_OUT.inc_by(0);
    Ok(SdkTracerProvider::builder()
        // It is decided before a span begins.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource())
        .with_span_processor(Bounded { batches, queue })
        .build())
}

/// This process, as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have it.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let ours = [
        ("service.name", "daybook".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", entropy::new_id().to_string()),
    ];
    let is_told = |name: &'static str| {
        let value = told.get(&name.into()).map(|value| value.to_string());
        value.is_some_and(|value| !value.starts_with("unknown_service"))
    };
    let ours = ours.into_iter().filter(|(name, _)| !is_told(name));
    Resource::builder().with_attributes(ours.map(|(name, value)| KeyValue::new(name, value))).build()
}

/// Lets so many through within each second.
#[derive(Debug)]
struct Pace {
    per_second: u64,
    /// The second in the upper half, and how many it has had in the lower.
    taken: AtomicU64,
}

impl Pace {
    fn of(per_second: usize) -> Self {
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX).into();
        Self { per_second, taken: AtomicU64::new(0) }
    }

    fn takes_one(&self, second: u64) -> bool {
        let one_more = |taken: u64| {
            let count = if taken >> 32 == second { taken & u64::from(u32::MAX) } else { 0 };
            (count < self.per_second).then_some(second << 32 | (count + 1))
        };
        self.taken.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

/// How many spans wait to be sent.
#[derive(Debug, Clone)]
struct Queue {
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl Queue {
    fn new() -> Self {
        let most = said("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|most| most.parse().ok()).unwrap_or(QUEUE);
        Self { waiting: Arc::new(AtomicUsize::new(0)), most }
    }

    /// Counts the span that there is no room for.
    fn has_room(&self) -> bool {
        let has_room = self.waiting.load(Relaxed) < self.most;
        if !has_room {
            DROPPED.with_label_values(&["queue_full"]).inc();
        }
        has_room
    }
}

/// Takes as many spans as the queue has room for.
#[derive(Debug)]
struct Bounded {
    batches: BatchSpanProcessor,
    queue: Queue,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // There was room when it began, which several may have found at once. What isn't counted as waiting is never
        // counted as sent, so the count and the queue have to agree.
        if self.queue.waiting.fetch_add(1, Relaxed) >= self.queue.most {
            self.queue.waiting.fetch_sub(1, Relaxed);
            DROPPED.with_label_values(&["queue_full"]).inc();
        } else {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what isn't taken, and says so once.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    queue: Queue,
    is_away: AtomicBool,
}

impl Exports for Counted {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        let count = spans.len();
        self.queue.waiting.fetch_sub(count, Relaxed);
        let exported = self.exporter.export(spans).await;
        let was_away = self.is_away.swap(exported.is_err(), Relaxed);
        match &exported {
            Err(error) => {
                DROPPED.with_label_values(&["not_exported"]).inc_by(count as u64);
                if !was_away {
                    warn!(%error, "the collector takes no spans; they are dropped and counted until it does");
                }
            }
            Ok(()) if was_away => info!("the collector takes spans again"),
            Ok(()) => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_share_of_traces() {
        let pace = Pace::of(2);
        let takes = |second| pace.takes_one(second);
        assert_eq!([0, 0, 0, 1, 1, 1].map(takes), [true, true, false, true, true, false]);
        assert!(takes(9));
    }

    #[test]
    fn samplers_are_those_of_the_standard() {
        let of = |sampler, argument| {
            let Sampling { follows_parent, ratio } = sampling(sampler, argument).ok()?;
            Some((follows_parent, ratio))
        };
        assert_eq!(of(None, None), Some((true, 1.0)));
        assert_eq!(of(Some("always_off"), None), Some((false, 0.0)));
        assert_eq!(of(Some("parentbased_traceidratio"), Some("0.01")), Some((true, 0.01)));
        assert_eq!(of(Some("traceidratio"), None), Some((false, 1.0)));
        for (sampler, argument) in
            [("jaeger_remote", None), ("traceidratio", Some("2")), ("traceidratio", Some("x"))]
        {
            assert_eq!(of(Some(sampler), argument), None, "{sampler} {argument:?}");
        }
    }
}
