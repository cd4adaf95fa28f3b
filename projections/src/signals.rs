//! What the database tells this process: the log grew, rows changed, effects wait, an operator acted.
//!
//! One connection listens for the whole process. Notifications may get lost, so only speed depends on them,
//! and the cache, which is off while no connection listens.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_domain::Position;
use daybook_migrations::{SCHEMA, schema_changed};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::{
    sync::watch,
    time::{interval, timeout},
};

use crate::{
    cache::{Cache, Live},
    log, metrics,
    notices::{EFFECTS, LOG, Notice, OPERATORS, READ},
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

/// Where nothing was heard of the log for so long, the connection is asked for its head, which also shows whether it is
/// still there. What is heard of other things all the time doesn't stand for the log: its notifications may get lost.
const SILENCE: Duration = Duration::from_secs(1);
/// If a question is not answered within this time, the connection is gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSES: Pauses = Pauses::millis(100, 2_000);

#[derive(Clone)]
pub(crate) struct Signals {
    head: watch::Sender<Position>,
    /// How often the listening connection was lost: what was received before may be of a database
    /// that is no more.
    losses: watch::Sender<u64>,
    /// How often an operator acted.
    operators: watch::Sender<u64>,
    /// How often effects were written down.
    effects: watch::Sender<u64>,
}

impl Signals {
    pub fn new() -> Self {
        Self {
            head: watch::Sender::new(Position::START),
            losses: watch::Sender::new(0),
            operators: watch::Sender::new(0),
            effects: watch::Sender::new(0),
        }
    }

    /// The newest head that anyone told of.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    pub fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    pub fn operators(&self) -> watch::Receiver<u64> {
        self.operators.subscribe()
    }

    pub fn effects(&self) -> watch::Receiver<u64> {
        self.effects.subscribe()
    }

    /// Wakes those of this process who perform them.
    pub fn tell_of_effects(&self) {
        self.effects.send_modify(|times| *times += 1);
    }
}

/// The connection that listens.
pub(crate) struct Listener {
    pub signals: Signals,
    pub cache: Arc<Cache>,
    pub connect: PgConnectOptions,
}

#[async_trait]
impl Worker for Listener {
    fn about(&self) -> About {
        let description = "Hears from the database that the log grew, rows changed, effects wait or an operator \
            acted, and tells the other workers and the cache.";
        About::new("listener", description, When::signal("the database notifies").or_every(SILENCE))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let listen = async {
                let heard = self.listen(duty, &rounds).await;
                self.cache.disable();
                self.signals.losses.send_modify(|losses| *losses += 1);
                heard
            };
            let complain =
                |error: &_| tracing::error!(%error, "not listening to the database; the cache is off");
            rounds.attempt(listen, complain).await;
        }
    }
}

impl Listener {
    async fn listen(&self, duty: &Duty, rounds: &Rounds<'_>) -> Result<(), sqlx::Error> {
        let Self { signals, cache, connect } = self;
        let (mut listener, head) = open(connect, cache).await?;
        signals.see_head(head);
        if rounds.has_failed() {
            tracing::info!("listening to the database again");
        }
        rounds.went_well();

        let mut look = interval(SILENCE);
        let mut heard_of_log = false;
        loop {
            tokio::select! {
                () = duty.stop().cancelled() => return Ok(()),
                heard = listener.try_recv() => {
                    let lost = || sqlx::Error::Protocol("the listening connection was lost".into());
                    let notification = heard?.ok_or_else(lost)?;
                    signals.take(cache, notification.channel(), notification.payload());
                    heard_of_log |= notification.channel() == LOG;
                }
                _ = look.tick() => {
                    if !heard_of_log {
                        let head = timeout(ANSWER_TIMEOUT, log::head(&mut listener)).await;
                        signals.see_head(head.map_err(|_| sqlx::Error::PoolTimedOut)??);
                    }
                    heard_of_log = false;
                    cache.measure();
                    rounds.went_well();
                }
            }
        }
    }
}

/// Listens, and says what is so by then.
async fn open(connect: &PgConnectOptions, cache: &Cache) -> Result<(PgListener, Position), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(connect.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen_all([LOG, READ, EFFECTS, OPERATORS, SCHEMA]).await?;
    schema_changed();
    // Read after LISTEN: what happens from here on is announced.
    cache.enable(Live::all(&mut listener).await?);
    let head = log::head(&mut listener).await?;
    Ok((listener, head))
}

impl Signals {
    fn see_head(&self, head: Position) {
        metrics::HEAD.set(head.0);
        self.head.send_if_modified(|seen| {
            // Backwards too: after a failover the log may be shorter.
            let moved = *seen != head;
            *seen = head;
            moved
        });
    }

    fn take(&self, cache: &Cache, channel: &str, payload: &str) {
        match channel {
            LOG => match payload.parse() {
                Ok(head) => self.see_head(Position(head)),
                Err(_) => tracing::warn!(payload, "not a position"),
            },
            READ => match serde_json::from_str(payload) {
                Ok(Notice::Touched { model, generation, partition, position, keys, groups }) => {
                    cache.touched(&model, generation, (partition, position), keys, groups);
                }
                Ok(Notice::Live { model, generation, positions }) => {
                    cache.live(Live { model, generation, positions });
                    self.operators.send_modify(|times| *times += 1);
                }
                Err(error) => {
                    // The notice is from another release. What it says is unknown, so nothing cached can be trusted.
                    tracing::warn!(%error, payload, "a notice that can't be read");
                    cache.forget_all();
                }
            },
            EFFECTS => self.tell_of_effects(),
            SCHEMA => schema_changed(),
            _ => self.operators.send_modify(|times| *times += 1),
        }
    }
}
