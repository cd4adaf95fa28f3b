//! One client that reads the log: up to a place that is there, or on and on as it grows.

use std::{sync::Arc, time::Duration, vec};

use daybook_domain::{Position, Record};
use daybook_projections::{Log, Look, Selection};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::places::Place;
use crate::{admission::standing, app::App, auth::token::Standing, metrics, traffic::InFlight};

/// How many events a page has at most; their bytes are bounded, too.
const PAGE: i64 = 500;
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
    /// What is to be looked for next; its limit is how many events the client still wants. With an end, it is read up
    /// to there; without one, what is appended follows.
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
    /// A shutdown waits for what comes to an end by itself.
    _in_flight: Option<InFlight>,
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
    #[error("it can't be known now whether the token has ended; come back soon")]
    TokenUnknown,
}

/// Why a client isn't told the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The log is not the one that the client has read from: it has lost its end.
    #[error("the log was cut off: it is not the one that was read before")]
    CutOff,
    /// Who follows the log waits until it can be read again instead.
    #[error("the log can't be read")]
    Unread,
}

impl Follower {
    pub fn new(app: Arc<App>, token: String, selection: Selection, place: Place) -> Self {
        let now = Instant::now();
        Self {
            token,
            page: vec![].into_iter(),
            told: selection.after,
            telling: Telling::default(),
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
            _in_flight: selection.until.map(|_| app.traffic.enter().0),
            selection,
            app,
        }
    }

    /// The same, and it tells its client's position then.
    #[must_use]
    pub fn telling(self, telling: Telling) -> Self {
        Self { telling, ..self }
    }

    /// What comes next; `None` is the end. Asked for only when the client has taken most of what went before.
    pub async fn next(&mut self) -> Option<Result<Said, Broken>> {
        match self.stage {
            Stage::New => {
                self.stage = Stage::Following;
                return Some(Ok(Said::Welcome));
            }
            Stage::Following => {}
            Stage::Over => return None,
        }
        loop {
            if let Some(why) = self.ends().await {
                self.stage = Stage::Over;
                return Some(Ok(Said::Farewell(why)));
            }
            if let Some(record) = self.page.next() {
                self.told = record.position;
                return Some(Ok(self.say(Said::Event(Box::new(record)))));
            }
            if self.selection.is_spent() {
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
                if let Err(broken) = self.look().await {
                    self.stage = Stage::Over;
                    return Some(Err(broken));
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
    async fn ends(&mut self) -> Option<Farewell> {
        if self.selection.until.is_none() && *self.draining.borrow() {
            return Some(Farewell::Draining);
        }
        if Instant::now() >= self.check_token_at {
            self.check_token_at = Instant::now() + CHECK_TOKEN_EVERY;
            match standing(&self.app, &self.token).await {
                Standing::Good => {}
                Standing::Ended => return Some(Farewell::TokenEnded),
                Standing::Unknown => return Some(Farewell::TokenUnknown),
            }
        }
        None
    }

    /// Reads the next page. A log that can't be read is waited for: a client that is sent away by a failure may
    /// never come back, because clients take an answer that is an error for a final one.
    async fn look(&mut self) -> Result<(), Broken> {
        // Before the look, so that what is appended meanwhile is a reason for another one.
        self.head.mark_unchanged();
        let page = Selection { limit: self.selection.limit.min(PAGE), ..self.selection.clone() };
        let (end, look) = match read(&self.app, &page).await {
            Ok(found) => found,
            Err(error) => return self.note_unread(&error),
        };
        if end < page.after {
            return Err(Broken::CutOff);
        }
        self.is_blind = false;
        look.leave_the_rest(&mut self.selection);
        self.behind = page.until.is_some() || look.through < end;
        self.page = look.records.into_iter();
        self.look_at = Instant::now() + if self.behind { Duration::ZERO } else { GATHER };
        Ok(())
    }

    fn note_unread(&mut self, error: &str) -> Result<(), Broken> {
        if !self.is_blind {
            warn!(error, "the log can't be read for a client that is connected");
        }
        metrics::LIVE_UNREAD.inc();
        if self.selection.until.is_some() {
            return Err(Broken::Unread);
        }
        self.is_blind = true;
        self.look_at = Instant::now() + LOOK_AGAIN_AFTER;
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

/// What a page of the log has, and where the log ends for its reader; or why it can't be read.
///
/// A task of its own reads it. What a client is sent stands still as long as the client takes nothing, and would keep the
/// turn to read, and the connection of the database, that it has at that moment.
async fn read(app: &Arc<App>, page: &Selection) -> Result<(Position, Look), String> {
    let (found, answer) = oneshot::channel();
    let work = {
        let (app, page) = (Arc::clone(app), page.clone());
        async move {
            let _turn = app.live.readers.acquire().await.expect("it is never closed");
            if !found.is_closed() {
                let _ = found.send(read_in_turn(&app.log, &page).await);
            }
        }
    };
    app.crew.run("page", work);
    answer.await.unwrap_or_else(|gone| Err(gone.to_string()))
}

async fn read_in_turn(log: &Log, page: &Selection) -> Result<(Position, Look), String> {
    let reading = async {
        let end = match page.until {
            Some(until) => until,
            None => log.head().await?,
        };
        Ok::<_, sqlx::Error>((end, log.look(page, end).await?))
    };
    match timeout(LOOK_TIMEOUT, reading).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(elapsed) => Err(elapsed.to_string()),
    }
}
