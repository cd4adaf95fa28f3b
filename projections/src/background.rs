//! What work in the background is given: connections, leases, signals, settings.

use std::sync::Arc;

use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::{lease::Leases, settings::Settings, shares::Shares, signals::Signals};

/// What all background work needs.
#[derive(Clone)]
pub(crate) struct Background {
    pub pool: PgPool,
    /// Connects sessions whose commits don't wait for the disk: what they write is lost or kept together with
    /// the checkpoint that says how to make it again.
    pub relaxed: PgConnectOptions,
    /// Connects sessions with limits of their own.
    pub connect: PgConnectOptions,
    /// Connects the sessions by which effects are claimed, which don't wait for the disk, and the one by which they are marked,
    /// which does.
    pub claims: PgConnectOptions,
    pub marks: PgConnectOptions,
    pub leases: Leases,
    pub shares: Shares,
    pub signals: Signals,
    pub settings: Arc<Settings>,
}
