//! The list of what this crate does in the background.

use std::sync::Arc;

use daybook_core::{
    app::App,
    audit::AuditWriter,
    auth::{issuer::FollowingIssuer, revocation::FollowingRevocations},
    config::Config,
    identity::{housekeeping::Keeping, lapsing::Lapsing},
    metrics::Pool,
    pools::WatchingPools,
};
use daybook_http::measuring::Measuring;
use daybook_projections::workers::Worker;
use sqlx::PgPool;

use crate::{
    housekeeping::{Forgetting, Sweeping},
    log_lines::LogLines,
    presence::BeingThere,
};

/// The one that may not wait for other work of a busy process.
pub fn apart(app: &App, identity_pool: PgPool) -> Arc<dyn Worker> {
    Arc::new(FollowingRevocations { pool: identity_pool, verifier: Arc::clone(&app.verifier) })
}

pub fn workers(
    config: &Config,
    app: &Arc<App>,
    pool: &PgPool,
    background_pool: Option<PgPool>,
    audit_writer: AuditWriter,
    being_there: BeingThere,
) -> Vec<Arc<dyn Worker>> {
    let mut pools = vec![(Pool::Queries, pool.clone()), (Pool::Commands, app.health.commands.clone())];
    pools.extend(background_pool.map(|pool| (Pool::Background, pool)));
    let mut workers: Vec<Arc<dyn Worker>> = vec![
        Arc::new(audit_writer),
        Arc::new(being_there),
        Arc::new(Keeping { identity: Arc::clone(&app.identity), pool: pool.clone() }),
        Arc::new(Sweeping(app.clone())),
        Arc::new(LogLines(app.clone())),
        Arc::new(Forgetting(pool.clone())),
        Arc::new(Measuring(Arc::clone(app))),
        Arc::new(WatchingPools(pools)),
    ];
    // They are erased by a command.
    if app.commands.is_some() {
        workers.push(Arc::new(Lapsing { app: Arc::clone(app), pool: pool.clone() }));
    }
    if let Some(url) = config.tokens.jwks_url.clone() {
        let own = app.published_key.clone();
        let interval = config.tokens.jwks_interval.get();
        workers.push(Arc::new(FollowingIssuer { url, own, interval, verifier: Arc::clone(&app.verifier) }));
    }
    workers
}
