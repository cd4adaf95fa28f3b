//! Reads and subscriptions: what a follower of the log says, as clients of the protocol understand it.

use std::sync::Arc;

use daybook_core::{
    app::App,
    entropy,
    live::{Broken, Follower, Said, Telling},
};
use daybook_domain::published::publish;
use daybook_projections::{Log, Selection, Streams, Types};
use daybook_rpc::answers::Answer;
use futures::stream;
use tokio::time::timeout;
use tonic::Status;

use crate::{
    ask::{Amount, Ask, Of},
    caller::Caller,
    filter::Filter,
    place::{Found, find},
    protocol::streams::ReadResp,
    status,
    wire::{self, Place},
};

/// Answers what was asked for. The log is read as the client takes what is answered.
pub async fn open(app: &Arc<App>, caller: Caller, ask: Ask) -> Result<Answer<ReadResp>, Status> {
    let (_in_flight, count) = app.traffic.enter();
    if count > app.limits.max_in_flight {
        return Err(status::overloaded());
    }
    let room = app.live.places.take(&caller.subject).map_err(status::of_no_place)?;
    let opening = async {
        let found = find(&app.log, &ask.of).await?;
        let selection = selection(&app.log, &ask, &found).await?;
        Ok::<_, sqlx::Error>((found, selection))
    };
    let opened = timeout(app.limits.request_timeout.get(), opening).await;
    let opened = opened.map_err(|_| Status::deadline_exceeded("the log took too long to read"))?;
    let (found, selection) = opened.map_err(|error| status::unread(&error))?;
    if ask.amount != Amount::Subscription && !found.is_there {
        return Ok(Box::pin(stream::iter([Ok(wire::stream_not_found(ask.name))])));
    }
    let telling = match &ask.filter {
        Some(filter) => Telling { every: filter.checkpoint_every, at_head: true },
        None => Telling::default(),
    };
    let follower = Follower::new(Arc::clone(app), caller.token, selection, room).telling(telling);
    let reading = Reading { app: Arc::clone(app), ask, last_revision: found.last_revision, follower };
    Ok(Box::pin(stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        Some(match reading.next().await {
            Some(said) => (said, Some(reading)),
            None => (reading.last_word()?, None),
        })
    })))
}

/// Which events, and from where to where.
async fn selection(log: &Log, ask: &Ask, found: &Found) -> Result<Selection, sqlx::Error> {
    let chosen = chosen(ask);
    Ok(match ask.amount {
        Amount::Subscription => Selection { after: found.behind(log, ask).await?, limit: i64::MAX, ..chosen },
        Amount::Forwards(limit) => {
            let after = found.behind(log, ask).await?;
            Selection { after, until: Some(found.head), limit, ..chosen }
        }
        Amount::Backwards(limit) => {
            let last = found.last_backwards(log, ask).await?;
            Selection { until: Some(last), backwards: true, limit, ..chosen }
        }
    })
}

/// Which events, wherever the reader begins.
fn chosen(ask: &Ask) -> Selection {
    let (types, streams) = match &ask.of {
        Of::Log => match &ask.filter {
            Some(filter) => (filter.types.clone(), filter.streams.clone()),
            None => (Types::All, Streams::All),
        },
        Of::Stream { kind, id } => (Types::All, Streams::One(kind.clone(), id.clone())),
        Of::Category(kind) => (Types::All, Streams::OfKind(kind.clone())),
        Of::Type(name) => (Types::Public(vec![name.clone()]), Streams::All),
    };
    Selection { types, streams, ..Selection::default() }
}

/// What is being answered.
struct Reading {
    app: Arc<App>,
    ask: Ask,
    /// The last revision of a stream of events.
    last_revision: Option<i64>,
    follower: Follower,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<ReadResp, Status>> {
        loop {
            let said = self.follower.next().await?;
            let told = said.map_err(status::of_broken).and_then(|said| self.tell(said));
            if let Some(told) = told.transpose() {
                return Some(told);
            }
        }
    }

    /// What the follower says, as the client reads it; `None` if it isn't told.
    fn tell(&mut self, said: Said) -> Result<Option<ReadResp>, Status> {
        let now = self.app.clock.now();
        let follows = self.ask.amount == Amount::Subscription;
        self.check_filter()?;
        Ok(match said {
            Said::Welcome => follows.then(|| wire::confirmation(entropy::new_id())),
            Said::Event(record) => {
                let revision = record.sequence - 1;
                // It was appended only now.
                if follows && self.ask.has_had(record.position, revision) {
                    return Err(status::of_broken(Broken::CutOff));
                }
                if let Of::Stream { .. } = self.ask.of {
                    self.last_revision = self.last_revision.max(Some(revision));
                }
                Some(wire::event(publish(&record), &self.ask.form))
            }
            Said::StillHere(position) => position
                .filter(|position| follows && self.ask.filter.is_some() && !self.ask.has_had(*position, 0))
                .map(|position| wire::checkpoint(position, now)),
            Said::CaughtUp(position) => {
                let place = match self.ask.of {
                    Of::Log => Place::InLog(position),
                    Of::Stream { .. } => Place::InStream(self.last_revision),
                    Of::Category(_) | Of::Type(_) => Place::InStream(Some(position.0)),
                };
                Some(wire::caught_up(place, now))
            }
            Said::Farewell(why) => return Err(status::of_farewell(why)),
        })
    }

    /// What is said when everything else was.
    fn last_word(&self) -> Option<Result<ReadResp, Status>> {
        if let Err(overrun) = self.check_filter() {
            return Some(Err(overrun));
        }
        self.last_revision.filter(|_| self.ask.knows_ends).map(|last| Ok(wire::last_stream_position(last)))
    }

    /// Whether the filter was too much work is known when it has seen an event.
    fn check_filter(&self) -> Result<(), Status> {
        self.ask.filter.as_ref().map_or(Ok(()), Filter::check)
    }
}
