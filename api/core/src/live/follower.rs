//! One client that follows the log.

use std::{sync::Arc, time::Duration, vec};

use daybook_domain::{Position, Record};
use daybook_projections::{Look, Selection};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::places::Place;
use crate::{app::App, auth::token::Presented, metrics};

/// How many events a page has at most; their bytes are bounded, too.
const PAGE: i64 = 100;
/// While more is appended all the time, it is gathered for so long.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is asked whether the token is still good.
const CHECK_TOKEN_EVERY: Duration = Duration::from_millis(500);
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the log could not be read.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// When a client whose filter lets nothing through is told its position, so that it doesn't read the same places
/// again after it reconnects.
#[derive(Debug, Clone, Copy)]
pub struct Telling {
    /// Once in so many places.
    pub every: i64,
    /// Also before it waits for more.
    pub at_head: bool,
}

impl Default for Telling {
    fn default() -> Self {
        Self { every: 10_000, at_head: false }
    }
}

pub struct Follower {
    app: Arc<App>,
    token: String,
    /// What is to be looked for next; its limit is how many events the client still wants.
    selection: Selection,
    page: vec::IntoIter<Record>,
    /// The position that the client would go on from if it reconnected.
    told: Position,
    telling: Telling,
    stage: Stage,
    head: watch::Receiver<Position>,
    draining: watch::Receiver<bool>,
    /// There may be something behind the selection's `after`.
    behind: bool,
    /// It has been at the head of the log, and has said so.
    has_caught_up: bool,
    look_at: Instant,
    check_token_at: Instant,
    speak_at: Instant,
    /// The log could not be read at the last try.
    is_blind: bool,
    _place: Place,
}

enum Stage {
    New,
    Following,
    Over,
}

/// What a follower has to say to its client.
pub enum Said {
    /// The first word.
    Welcome,
    Event(Box<Record>),
    /// No event, but a sign of life. A client that comes back goes on from the position, if there is one.
    StillHere(Option<Position>),
    /// All events up to this position, which was the head of the log, have been said. It is said once.
    CaughtUp(Position),
    /// The last word.
    Farewell(Farewell),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Farewell {
    #[error("this server is going down")]
    Draining,
    #[error("the token has ended")]
    TokenEnded,
}

/// The log is not the one that the client has read from: it has lost its end.
pub struct CutOff;

impl Follower {
    pub fn new(app: Arc<App>, token: String, selection: Selection, place: Place) -> Self {
        let now = Instant::now();
        Self {
            token,
            page: vec![].into_iter(),
            told: selection.after,
            telling: Telling::default(),
            selection,
            stage: Stage::New,
            head: app.live.head.clone(),
            draining: app.traffic.draining(),
            behind: true,
            has_caught_up: false,
            look_at: now,
            check_token_at: now + CHECK_TOKEN_EVERY,
            speak_at: now + app.live.heartbeat,
            is_blind: false,
            _place: place,
            app,
        }
    }

    /// The same, and it tells its client's position then.
    #[must_use]
    pub fn telling(self, telling: Telling) -> Self {
        Self { telling, ..self }
    }

    /// What comes next; `None` is the end. Asked for only when the client has taken most of what went before.
    pub async fn next(&mut self) -> Option<Result<Said, CutOff>> {
        match self.stage {
            Stage::New => {
                self.stage = Stage::Following;
                return Some(Ok(Said::Welcome));
            }
            Stage::Following => {}
            Stage::Over => return None,
        }
        loop {
            if let Some(why) = self.ends() {
                self.stage = Stage::Over;
                return Some(Ok(Said::Farewell(why)));
            }
            if let Some(record) = self.page.next() {
                self.told = record.position;
                return Some(Ok(self.say(Said::Event(Box::new(record)))));
            }
            if self.selection.limit <= 0 {
                return None;
            }
            let untold = self.selection.after.0 - self.told.0;
            let rests = !self.behind && self.telling.at_head && untold > 0;
            if untold >= self.telling.every || rests || Instant::now() >= self.speak_at {
                let position = (self.told != self.selection.after).then_some(self.selection.after);
                self.told = self.selection.after;
                return Some(Ok(self.say(Said::StillHere(position))));
            }
            if !self.behind && !self.has_caught_up {
                self.has_caught_up = true;
                return Some(Ok(Said::CaughtUp(self.selection.after)));
            }
            if self.behind && Instant::now() >= self.look_at {
                if let Err(cut_off) = self.look().await {
                    self.stage = Stage::Over;
                    return Some(Err(cut_off));
                }
            } else {
                self.wait().await;
            }
        }
    }

    fn say(&mut self, said: Said) -> Said {
        self.speak_at = Instant::now() + self.app.live.heartbeat;
        said
    }

    /// Why it is over, if it is.
    fn ends(&mut self) -> Option<Farewell> {
        if *self.draining.borrow() {
            return Some(Farewell::Draining);
        }
        if Instant::now() >= self.check_token_at {
            self.check_token_at = Instant::now() + CHECK_TOKEN_EVERY;
            if !self.app.verifier.is_good(&Presented::new(&self.token)) {
                return Some(Farewell::TokenEnded);
            }
        }
        None
    }

    /// Reads the next page. A log that can't be read is waited for: a client that is sent away by a failure may
    /// never come back, because clients take an answer that is an error for a final one.
    async fn look(&mut self) -> Result<(), CutOff> {
        let live = &self.app.live;
        let _reader = live.readers.acquire().await.expect("it is never closed");
        // Before the look, so that what is appended meanwhile is a reason for another one.
        self.head.mark_unchanged();
        let selection = Selection { limit: self.selection.limit.min(PAGE), ..self.selection.clone() };
        let reading = async {
            let head = self.app.log.head().await?;
            Ok::<_, sqlx::Error>((head, self.app.log.look(&selection, head).await?))
        };
        let (head, Look { records, through }) = match timeout(LOOK_TIMEOUT, reading).await {
            Ok(Ok(found)) => found,
            failed => {
                if !self.is_blind {
                    let error = failed.map(|read| read.err().map(|error| error.to_string()));
                    warn!(?error, "the log can't be read, and followers wait for it");
                }
                metrics::LIVE_UNREAD.inc();
                self.is_blind = true;
                self.look_at = Instant::now() + LOOK_AGAIN_AFTER;
                return Ok(());
            }
        };
        if head < self.selection.after {
            return Err(CutOff);
        }
        self.is_blind = false;
        self.selection.after = through;
        self.selection.limit -= i64::try_from(records.len()).unwrap_or(i64::MAX);
        self.page = records.into_iter();
        self.behind = through < head;
        self.look_at = Instant::now() + if self.behind { Duration::ZERO } else { GATHER };
        Ok(())
    }

    /// Waits until there is something to do or to find out.
    async fn wait(&mut self) {
        let mut until = self.check_token_at.min(self.speak_at);
        if self.behind {
            until = until.min(self.look_at);
        }
        let behind = self.behind;
        tokio::select! {
            () = sleep_until(until) => {}
            _ = self.head.changed(), if !behind => self.behind = true,
            _ = self.draining.wait_for(|draining| *draining) => {}
        }
    }
}
