//! Leases: which process does the work that only one may do at a time. Each is a row, in the database's time.
//!
//! A lease is how work is handed over, not what keeps it correct: a process that was stopped and
//! wakes up may believe in a lease that is over. Then the fence of the checkpoint (or, in the relay,
//! the expected sequence of the stream) refuses what it does.

use std::{
    future::Future,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    shares::Shares,
    timeout::with_timeout_of,
    workers::{Duty, Pauses},
};

/// A lease that is free for so many terms will not be taken by another process: a process that died is replaced
/// within two.
const LEFT_ALONE_TERMS: u32 = 3;

#[derive(Debug, Clone)]
pub(crate) struct Leases {
    /// This process, for as long as it runs.
    holder: Uuid,
    term: Duration,
}

impl Leases {
    pub fn new(term: Duration) -> Self {
        Self { holder: Uuid::from_u128(rand::random()), term }
    }

    pub fn holder(&self) -> Uuid {
        self.holder
    }

    pub fn term(&self) -> Duration {
        self.term
    }

    /// For how long a process keeps away from a lease that it has given back for another one to take.
    pub fn rest(&self) -> Duration {
        self.term * (LEFT_ALONE_TERMS + 2)
    }

    /// Waits for the lease, then runs `work` until it returns or the lease is lost: then it is dropped
    /// wherever it is, which rolls its transaction back. `work` watches the end of the duty itself.
    pub async fn hold<T>(
        &self,
        pool: &PgPool,
        name: &str,
        duty: &Duty,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let ask = || async { Ok(self.take(pool, name).await?.then_some(())) };
        self.wait_for(duty, ask).await?;
        self.work(pool, name, work).await
    }

    /// The same for one partition of many: waits until this process has less than its share, too, and
    /// ends the duty that it gives to `work` as soon as it has more. What no process takes for a while it takes on
    /// beside its share: the others may be of a release that doesn't know it.
    pub async fn hold_share<T, F: Future<Output = T>>(
        &self,
        pool: &PgPool,
        name: &str,
        shares: &Shares,
        duty: &Duty,
        work: impl FnOnce(Duty) -> F,
    ) -> Option<T> {
        let free_since = Mutex::new(None);
        let ask = || async {
            let permit = shares.permit();
            let may_take = permit.is_some() || self.is_left_alone(pool, name, &free_since).await?;
            Ok((may_take && self.take(pool, name).await?).then_some(permit))
        };
        let mut permit = self.wait_for(duty, ask).await?;
        let surplus = async {
            match &mut permit {
                Some(permit) => permit.surplus().await,
                None => std::future::pending().await,
            }
        };
        let enough = duty.stop().child_token();
        let mut work = pin!(self.work(pool, name, work(duty.until(enough.clone()))));
        tokio::select! {
            done = &mut work => return done,
            () = surplus => {}
        }
        tracing::info!(lease = name, "left to another process");
        enough.cancel();
        work.await
    }

    /// Whether no process has had this lease for longer than the work of one that died waits for another.
    async fn is_left_alone(
        &self,
        pool: &PgPool,
        name: &str,
        free_since: &Mutex<Option<Instant>>,
    ) -> Result<bool, sqlx::Error> {
        let held = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM leases WHERE name = $1 AND expires_at > clock_timestamp())",
        )
        .bind(name)
        .fetch_one(pool);
        let held: Result<bool, sqlx::Error> = with_timeout_of(self.term / 3, held).await;
        let mut free_since = free_since.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(held, Ok(false)) {
            let since = *free_since.get_or_insert_with(Instant::now);
            return Ok(since.elapsed() > self.term * LEFT_ALONE_TERMS);
        }
        *free_since = None;
        held.map(|_| false)
    }

    /// Asks until there is something; `None` if it is time to stop.
    async fn wait_for<T, F>(&self, duty: &Duty, ask: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<Option<T>, sqlx::Error>>,
    {
        // Soon after the end of a dead one's; not always the same, so that waiters don't ask in step.
        let pauses = Pauses::new(self.term / 5, self.term / 5);
        let asking = duty.rounds(pauses);
        let asked = async {
            while !duty.is_over() {
                match asking.attempt(ask(), |_| {}).await {
                    Some(Some(got)) => return Some(got),
                    Some(None) => drop(duty.or_over(sleep(pauses.jittered(0))).await),
                    None => {}
                }
            }
            None
        };
        duty.idle(asked).await
    }

    /// What the lease is for, and its end.
    async fn work<T>(&self, pool: &PgPool, name: &str, work: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            done = work => Some(done),
            () = self.renew(pool, name) => {
                tracing::warn!(lease = name, "lost a lease");
                None
            }
        };
        self.release(pool, name).await;
        done
    }

    /// Returns when the lease is lost, or so near its end that it must be taken for lost.
    async fn renew(&self, pool: &PgPool, name: &str) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.term / 3).await;
            let asked = Instant::now();
            match self.take(pool, name).await {
                // Counted from before the question: the database's term began after that.
                Ok(true) => renewed = asked,
                Ok(false) => return,
                Err(_) => {}
            }
            if renewed.elapsed() >= self.term * 2 / 3 {
                return;
            }
        }
    }

    /// Takes or renews it, unless another process has it.
    async fn take(&self, pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
        let taken = sqlx::query(
            "INSERT INTO leases (name, holder, expires_at)
             VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
             WHERE leases.holder = excluded.holder OR leases.expires_at < clock_timestamp()",
        )
        .bind(name)
        .bind(self.holder)
        .bind(self.term.as_secs_f64() * 1_000.0)
        .execute(pool);
        match with_timeout_of(self.term / 3, taken).await {
            Ok(done) => Ok(done.rows_affected() == 1),
            Err(error) => {
                tracing::debug!(lease = name, %error, "cannot ask for a lease");
                Err(error)
            }
        }
    }

    async fn release(&self, pool: &PgPool, name: &str) {
        let released = sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
            .bind(name)
            .bind(self.holder)
            .execute(pool);
        // If that fails, the lease ends by itself.
        let _ = timeout(self.term / 3, released).await;
    }
}
