//! What the database may hold that the release before can't read, and which processes use it.

use chrono::{DateTime, Utc};
use daybook_core::app::App;
use daybook_domain::feature::Feature;
use daybook_migrations::{Enabled, Process};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    arrived::NoQuery,
    problem::Problem,
    route::{Route, look},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        look("features.list", "/admin/features", "What the database may hold that the release before can't read: each feature is turned on once, for good, by `daybook features enable`, when every process that uses the database knows it.",
            |app, (), NoQuery {}| async move { FeaturesView::of(&app).await }),
    ]
}

#[derive(Serialize, ToSchema)]
#[schema(as = Features)]
struct FeaturesView {
    /// Those that this release knows, and others that are enabled.
    #[schema(max_items = 100)]
    features: Vec<FeatureView>,
    /// Those that were seen within the last minute.
    #[schema(max_items = 1000)]
    processes: Vec<ProcessView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Feature)]
struct FeatureView {
    #[schema(examples("cancel_lines"))]
    name: String,
    /// What it turns on; null if this release doesn't know it.
    #[schema(required)]
    about: Option<&'static str>,
    /// The first release that knows it.
    #[schema(required, examples("0.2.0"))]
    since: Option<&'static str>,
    /// Null as long as it is not enabled.
    #[schema(required)]
    enabled_at: Option<DateTime<Utc>>,
    /// The role of the database that did it; the audit has the reason.
    #[schema(required)]
    enabled_by: Option<String>,
}

/// A process that uses the database.
#[derive(Serialize, ToSchema)]
#[schema(as = Process)]
struct ProcessView {
    /// Zeros stand for all processes of release 0.1, which are known by their sessions.
    id: uuid::Uuid,
    #[schema(examples("0.2.0"))]
    release: String,
    /// The commit that it was built from; empty if its build wasn't told it.
    commit: String,
    /// The features that it knows.
    #[schema(max_items = 100)]
    features: Vec<String>,
    seen_at: DateTime<Utc>,
}

impl FeaturesView {
    async fn of(app: &App) -> Result<Self, Problem> {
        let enabled = app.features.list().await?;
        let known = Feature::ALL.map(|feature| FeatureView::of(feature, &enabled));
        let is_unknown = |one: &&Enabled| one.name.parse::<Feature>().is_err();
        let unknown = enabled.iter().filter(is_unknown).map(FeatureView::unknown);
        let processes = app.features.processes().await?.into_iter().map(ProcessView::from);
        Ok(Self { features: known.into_iter().chain(unknown).collect(), processes: processes.collect() })
    }
}

impl FeatureView {
    fn of(feature: Feature, enabled: &[Enabled]) -> Self {
        let enabled = enabled.iter().find(|one| one.name == feature.as_str());
        Self {
            name: feature.as_str().to_owned(),
            about: Some(feature.about()),
            since: Some(feature.since()),
            enabled_at: enabled.map(|one| one.enabled_at),
            enabled_by: enabled.map(|one| one.enabled_by.clone()),
        }
    }

    fn unknown(one: &Enabled) -> Self {
        let Enabled { name, enabled_at, enabled_by } = one.clone();
        Self { name, about: None, since: None, enabled_at: Some(enabled_at), enabled_by: Some(enabled_by) }
    }
}

impl From<Process> for ProcessView {
    fn from(process: Process) -> Self {
        let Process { id, release, commit, features, seen_at } = process;
        Self { id, release, commit, features, seen_at }
    }
}
