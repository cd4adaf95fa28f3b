//! How a crate declares what it tells Prometheus.

pub use prometheus;

/// Declares the metrics of a crate, each with its type, its name and its help; then, if it has any, its labels and its
/// buckets: `RETRIES: IntCounterVec("daybook_retries_total", "Tries that were not the first.", &["kind"]);`
///
/// Each is a static that registers itself when it is used first. Names are public: dashboards and alarms use them. The
/// function `begin` tells counters before they count anything, so that a rate sees the first event: each without labels,
/// and those with one label whose words follow, as in `… &["kind"]) of Kind::WORDS;`
#[macro_export]
macro_rules! metrics {
    ($($(#[$about:meta])* $name:ident: $type:ident($($given:expr),+ $(,)?) $(of $words:expr)?;)+) => {
        /// Tells counters before they count anything.
        #[allow(dead_code, reason = "what has no counters without labels of many words has nothing to tell")]
        pub fn begin() {
            $($crate::metrics!(@begin $type $name $(of $words)?);)+
        }

    $(
        $(#[$about])*
        pub static $name: std::sync::LazyLock<$crate::metrics::prometheus::$type> =
            std::sync::LazyLock::new(|| {
                $crate::metrics!(@register $type($($given),+)).expect("each metric is registered once")
            });
    )+};
    (@begin IntCounter $name:ident) => { std::sync::LazyLock::force(&$name) };
    (@begin Counter $name:ident) => { std::sync::LazyLock::force(&$name) };
    (@begin Histogram $name:ident) => { std::sync::LazyLock::force(&$name) };
    (@begin $type:ident $name:ident of $words:expr) => {
        for word in $words {
            $name.with_label_values(&[word]);
        }
    };
    (@begin $type:ident $name:ident) => {};
    (@register CounterVec($($given:expr),+)) => {
        $crate::metrics::prometheus::register_counter_vec!($($given),+)
    };
    (@register IntCounter($($given:expr),+)) => {
        $crate::metrics::prometheus::register_int_counter!($($given),+)
    };
    (@register IntCounterVec($($given:expr),+)) => {
        $crate::metrics::prometheus::register_int_counter_vec!($($given),+)
    };
    (@register IntGauge($($given:expr),+)) => {
        $crate::metrics::prometheus::register_int_gauge!($($given),+)
    };
    (@register IntGaugeVec($($given:expr),+)) => {
        $crate::metrics::prometheus::register_int_gauge_vec!($($given),+)
    };
    (@register Gauge($($given:expr),+)) => {
        $crate::metrics::prometheus::register_gauge!($($given),+)
    };
    (@register GaugeVec($($given:expr),+)) => {
        $crate::metrics::prometheus::register_gauge_vec!($($given),+)
    };
    (@register Histogram($($given:expr),+)) => {
        $crate::metrics::prometheus::register_histogram!($($given),+)
    };
    (@register HistogramVec($($given:expr),+)) => {
        $crate::metrics::prometheus::register_histogram_vec!($($given),+)
    };
}

/// So many buckets of a histogram, the first up to `first`, each `factor` times as wide as the one before.
///
/// # Panics
/// If there are none, or they don't grow.
pub fn buckets(first: f64, factor: f64, count: usize) -> Vec<f64> {
    prometheus::exponential_buckets(first, factor, count).expect("buckets that grow")
}
