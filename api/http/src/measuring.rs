//! Measures, for the plots that operators look at, what the metrics of this process say.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use daybook_core::{
    app::App,
    measures::{EVERY, Sample},
};
use daybook_projections::{
    status,
    workers::{About, Duty, Pauses, When, Worker},
};
use prometheus::{core::Collector, proto::Metric};
use tokio::time::sleep;

use crate::metrics::REQUEST_SECONDS;

/// What requests to the API begin with.
const API: [&str; 3] = ["/v1/", "/graphql", "/account"];

pub struct Measuring(pub Arc<App>);

#[async_trait]
impl Worker for Measuring {
    fn about(&self) -> About {
        let description = "Keeps the last hour of this process in memory, for the plots of the console.";
        About::new("measures", description, When::every(EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::NONE);
        let mut before = None;
        while !duty.is_over() {
            let now = Counted::now();
            self.0.measures.add(now.sample(before.as_ref(), self.0.clock.now()));
            before = Some(now);
            rounds.went_well();
            duty.or_over(sleep(EVERY)).await;
        }
    }
}

/// What the metrics say at a moment.
struct Counted {
    at: Instant,
    head: i64,
    lags: Vec<(String, f64)>,
    requests: Requests,
}

/// Requests to the API since the process began.
#[derive(Debug, Clone, Default)]
struct Requests {
    all: u64,
    failed: u64,
    /// How many took no longer than each bound, in seconds.
    within: Vec<(f64, u64)>,
}

impl Counted {
    fn now() -> Self {
        let (head, lags) = status::measured();
        let metrics = REQUEST_SECONDS.collect().into_iter().flat_map(|mut family| family.take_metric());
        let requests =
            metrics.filter(is_of_the_api).fold(Requests::default(), |all, metric| all.and(&metric));
        Self { at: Instant::now(), head, lags, requests }
    }

    /// None, as long as it wasn't known yet where the log ends.
    fn appended_since(&self, before: &Self) -> Option<u64> {
        u64::try_from(self.head - before.head).ok().filter(|_| before.head > 0)
    }

    fn sample(&self, before: Option<&Self>, at: chrono::DateTime<chrono::Utc>) -> Sample {
        let since = before.map(|before| {
            let seconds = self.at.duration_since(before.at).as_secs_f64().max(f64::EPSILON);
            (self.requests.since(&before.requests), seconds, self.appended_since(before))
        });
        #[allow(clippy::cast_precision_loss, reason = "rates are shown with a few digits")]
        let rate = |count: u64, seconds: f64| count as f64 / seconds;
        let since = since.as_ref();
        Sample {
            at,
            requests_per_second: since.map(|(requests, seconds, _)| rate(requests.all, *seconds)),
            failures_per_second: since.map(|(requests, seconds, _)| rate(requests.failed, *seconds)),
            p50_ms: since.and_then(|(requests, ..)| requests.quantile_ms(0.5)),
            p99_ms: since.and_then(|(requests, ..)| requests.quantile_ms(0.99)),
            events_per_second: since
                .and_then(|(_, seconds, events)| events.map(|events| rate(events, *seconds))),
            lag_seconds: self.lags.iter().cloned().collect::<BTreeMap<_, _>>(),
        }
    }
}

fn label<'a>(metric: &'a Metric, name: &str) -> &'a str {
    let mut labels = metric.get_label().iter();
    labels.find(|label| label.name() == name).map_or("", |label| label.value())
}

fn is_of_the_api(metric: &Metric) -> bool {
    API.iter().any(|beginning| label(metric, "route").starts_with(beginning))
}

impl Requests {
    fn and(mut self, metric: &Metric) -> Self {
        let histogram = metric.get_histogram();
        self.all += histogram.get_sample_count();
        if label(metric, "status").starts_with('5') {
            self.failed += histogram.get_sample_count();
        }
        for (index, bucket) in histogram.get_bucket().iter().enumerate() {
            match self.within.get_mut(index) {
                Some((_, count)) => *count += bucket.cumulative_count(),
                None => self.within.push((bucket.upper_bound(), bucket.cumulative_count())),
            }
        }
        self
    }

    fn since(&self, before: &Self) -> Self {
        let count = |index: usize| before.within.get(index).map_or(0, |(_, count)| *count);
        let within = self.within.iter().enumerate();
        Self {
            all: self.all - before.all,
            failed: self.failed - before.failed,
            within: within.map(|(index, (bound, all))| (*bound, all - count(index))).collect(),
        }
    }

    /// The time that this share of the requests took at most: within its bucket, they are taken to be spread evenly. What
    /// took longer than the last bound is shown as that bound.
    #[allow(clippy::cast_precision_loss, reason = "it is an estimate")]
    fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = (self.all > 0).then_some(self.all as f64 * share)?;
        let (mut from, mut below) = (0.0, 0.0);
        for (bound, count) in &self.within {
            let count = *count as f64;
            if count >= wanted && count > below {
                return Some((from + (bound - from) * (wanted - below) / (count - below)) * 1_000.0);
            }
            (from, below) = (*bound, count);
        }
        Some(from * 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(all: u64, failed: u64, counts: [u64; 3]) -> Requests {
        Requests { all, failed, within: [0.001, 0.01, 0.1].into_iter().zip(counts).collect() }
    }

    /// Catches: figures of the whole life of the process, and a quantile that counts from the wrong end of a bucket.
    #[test]
    fn a_sample_is_of_the_time_since_the_one_before() {
        let now = Instant::now();
        let counted = |at, head, requests| Counted { at, head, lags: vec![("orders".into(), 0.5)], requests };
        let before = counted(now, 10, requests(100, 5, [100, 100, 100]));
        let after = counted(now + EVERY, 30, requests(300, 15, [200, 280, 298]));
        let at = chrono::DateTime::from_timestamp(0, 0).expect("a time");
        let first = before.sample(None, at);
        assert_eq!((first.requests_per_second, first.p50_ms, first.lag_seconds["orders"]), (None, None, 0.5));
        let second = after.sample(Some(&before), at);
        assert_eq!((second.requests_per_second, second.failures_per_second), (Some(20.0), Some(1.0)));
        assert_eq!((second.events_per_second, second.p50_ms), (Some(2.0), Some(1.0)));
        let unknown = counted(now, 0, requests(0, 0, [0, 0, 0]));
        assert_eq!(before.sample(Some(&unknown), at).events_per_second, None, "the log was not found yet");
        // The slowest is beyond the last bound.
        assert_eq!(second.p99_ms, Some(100.0));
        assert_eq!(after.sample(Some(&after), at).p99_ms, None, "nothing was asked");
    }
}
