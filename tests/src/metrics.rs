//! What this process has counted. Each test has a process of its own.

/// A counter or gauge, all its labels summed; 0 before it is first counted.
pub fn counted(name: &str) -> f64 {
    of_labels(name, &[])
}

/// The same, of those that have this label.
pub fn of_labels(name: &str, labels: &[(&str, &str)]) -> f64 {
    let families = prometheus::gather();
    let metrics =
        families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
    let has = |metric: &&prometheus::proto::Metric| {
        labels.iter().all(|(name, value)| {
            metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
        })
    };
    metrics.filter(has).map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value()).sum()
}
