//! How a finding is made known.

use crate::metrics;

pub(super) fn report(projection: &str, generation: i32, what: &str, finding: &str) {
    metrics::AUDIT_FINDINGS.with_label_values(&[projection, what]).inc();
    tracing::error!(projection, generation, finding, "diverged: the log says otherwise; rebuild it");
}
