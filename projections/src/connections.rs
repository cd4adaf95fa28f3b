//! How many connections to the database the work downstream of the log has at most, beside those of pools.

use daybook_domain::reactions::Lane;

use crate::{
    read_models::READ_MODELS,
    scan::streams::shares,
    settings::{Roles, Settings},
};

/// The one that listens to notifications.
const LISTENER: u32 = 1;
/// The relay reads the log.
const RELAY: u32 = 1;
/// The publisher reads the log and moves a checkpoint; a worker beside it writes the table that analysts ask.
const PUBLISHER: u32 = 3;
/// The mirror moves a checkpoint.
const MIRROR: u32 = 1;
/// What has effects is written by another connection than what hasn't, and effects are marked by one. Each lane claims by
/// one more.
const REACTOR: u32 = 3;
/// The auditor compares one page of rows with their events, in one snapshot.
const AUDITOR: u32 = 3;
/// The generation in service and the one before.
const GENERATIONS: u32 = 2;

/// Most connections that workers of one process have for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnConnections {
    /// At the same time, as long as no read model is rebuilt or verified.
    pub kept: u32,
    /// More, while one read model is.
    pub rebuild: u32,
}

impl OwnConnections {
    pub fn of(settings: &Settings, roles: Roles, mirrors: bool) -> Self {
        let if_has = |role, connections| if role { connections } else { 0 };
        let count = |things: usize| u32::try_from(things).unwrap_or(u32::MAX);
        let partitions = count(settings.projections.partitions);
        let of_rows = count(READ_MODELS.len()) * partitions * GENERATIONS;
        let kept = LISTENER
            + if_has(roles.relay, RELAY)
            + if_has(roles.publisher, PUBLISHER)
            + if_has(mirrors, MIRROR)
            + if_has(roles.reactor, REACTOR + count(Lane::ALL.len()))
            + if_has(roles.projections, of_rows + AUDITOR);
        // One has the snapshot, one adds up sums, and each thread reads rows and events. A rebuild makes indexes at the
        // same time, and its partitions have applied what was appended since.
        let verification = 2 + 2 * count(shares());
        Self { kept, rebuild: verification + if_has(roles.projections, 1 + partitions) }
    }
}
