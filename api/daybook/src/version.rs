//! Which release this program is, and which commit it was built from.

use std::sync::LazyLock;

use daybook_migrations::metrics;

/// Such as `0.2.0`.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Such as `0.2.0 (1bd6042b5c8a)`.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    revision().map_or_else(|| RELEASE.to_owned(), |revision| format!("{RELEASE} ({revision})"))
});

metrics! {
    BUILD: IntGaugeVec("daybook_build_info", "Always 1: which release this process runs, and the commit it was built from, empty if the build wasn't told it.", &["version", "revision"]);
}

/// Tells Prometheus.
pub fn tell() {
    BUILD.with_label_values(&[RELEASE, revision().unwrap_or_default()]).set(1);
}

/// What the build was told by `BUILD_REVISION`. Sources that come without Git can tell none.
pub fn revision() -> Option<&'static str> {
    option_env!("BUILD_REVISION").filter(|revision| !revision.is_empty())
}
