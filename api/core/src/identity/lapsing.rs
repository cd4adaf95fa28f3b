//! Accounts whose address was never verified: they open nothing, and are erased after a while.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use sqlx::{FromRow, PgPool};
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use super::asker::{Asker, system};
use crate::{
    app::App,
    entropy::new_id,
    reads::{Conditions, Orders, ReadError},
};

const EVERY: Duration = Duration::from_secs(60);
/// Accounts that a round looks at.
const LOOKED_AT: i64 = 1_000;
/// Accounts that a round erases.
const ERASED_AT_MOST: usize = 100;

/// Every account has a password from its first moment on, which it can't replace before its address is verified. Whose
/// address is verified has a claim of it that is confirmed. So these two tables tell who may be meant, and the account's
/// stream tells who is.
const OLD_ONES: &str = "
    SELECT p.created_at, p.id, p.account,
           EXISTS (SELECT FROM email_claims c WHERE c.account = p.account AND c.until IS NULL) AS is_verified
      FROM credentials p
     WHERE p.kind = 'password' AND (p.created_at, p.id) > ($1, $2)
       AND p.created_at < statement_timestamp() - make_interval(secs => $3)
     ORDER BY p.created_at, p.id LIMIT $4";

type Failure = Box<dyn Error + Send + Sync>;

/// Erases them, some at a time.
pub struct Lapsing {
    pub app: Arc<App>,
    pub pool: PgPool,
}

/// The password of an account, in the order in which passwords were made.
#[derive(Debug, Clone, FromRow)]
struct Old {
    created_at: DateTime<Utc>,
    id: Uuid,
    account: String,
    is_verified: bool,
}

/// How far a process has looked. When it starts it looks at all of them once, then at those that have become old since.
struct Place(DateTime<Utc>, Uuid);

#[async_trait]
impl Worker for Lapsing {
    fn about(&self) -> About {
        let description = "Erases accounts whose address was not verified in time, and that have no orders.";
        About::new("unverified_accounts", description, When::every(EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(EVERY, EVERY));
        let mut place = Place(DateTime::UNIX_EPOCH, Uuid::nil());
        while !duty.is_over() {
            let complain = |error: &_| warn!(%error, "cannot erase accounts that were never verified");
            if rounds.attempt(self.round(&mut place, duty), complain).await.is_some() {
                rounds.went_well();
                duty.or_over(sleep(EVERY)).await;
            }
        }
    }
}

impl Lapsing {
    /// What fails is looked at again in the next round.
    async fn round(&self, place: &mut Place, duty: &Duty) -> Result<(), Failure> {
        let mut erased = 0;
        for old in self.old_ones(place).await? {
            if erased == ERASED_AT_MOST || duty.is_over() {
                break;
            }
            if !old.is_verified && self.lapse(&old.account).await? {
                erased += 1;
            }
            *place = Place(old.created_at, old.id);
        }
        if erased > 0 {
            info!(erased, "accounts that were never verified are erased");
        }
        Ok(())
    }

    async fn old_ones(&self, place: &Place) -> Result<Vec<Old>, sqlx::Error> {
        let lifetime = self.app.identity.shared.settings.unverified_lifetime.get();
        let looking = sqlx::query_as(OLD_ONES)
            .bind(place.0)
            .bind(place.1)
            .bind(lifetime.as_secs_f64())
            .bind(LOOKED_AT)
            .fetch_all(&self.pool);
        daybook_migrations::with_timeout_of(EVERY, looking).await
    }

    async fn lapse(&self, account: &str) -> Result<bool, Failure> {
        let asker = Asker::later(new_id().to_string(), self.app.clock.now());
        if self.has_orders(&asker, account).await? {
            return Ok(false);
        }
        Ok(self.app.identity.accounts.lapse(&asker, account).await?)
    }

    /// The shop may have placed some for them.
    async fn has_orders(&self, asker: &Asker, account: &str) -> Result<bool, ReadError> {
        let orders = Orders::of(account.to_owned(), 1);
        let min_position = Some(self.app.log.head().await?);
        let conditions = Conditions { min_position, deadline: asker.deadline, now: asker.now };
        let found = self.app.reads.find(&orders, Some(&system()), conditions).await?;
        Ok(!found.kept.view.data.is_empty())
    }
}
