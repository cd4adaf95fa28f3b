//! Reads, and subscriptions, which are followers of the log.

use std::{pin::Pin, sync::Arc};

use daybook_core::{
    app::App,
    entropy,
    live::{Follower, Place as Room, Said, Telling},
    traffic::InFlight,
};
use daybook_domain::published::publish;
use daybook_projections::{Selection, Streams, Types};
use futures::{Stream, StreamExt, stream};
use tokio::time::timeout;
use tonic::Status;

use crate::{
    ask::{Amount, Ask, Of},
    caller::Caller,
    place::{Found, find},
    protocol::streams::ReadResp,
    status,
    wire::{self, Place},
};

pub type Answer = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

/// Answers what was asked for. The log is read as the client takes what is answered.
pub async fn open(app: &Arc<App>, caller: Caller, ask: Ask) -> Result<Answer, Status> {
    let (in_flight, count) = app.traffic.enter();
    if count > app.limits.max_in_flight {
        return Err(status::overloaded());
    }
    let room = app.live.places.take(&caller.subject).map_err(status::of_no_place)?;
    let opening = async {
        let found = find(&app.log, &ask.of).await?;
        let selection = match ask.amount {
            Amount::Subscription => {
                let after = found.excluding(&app.log, &ask).await?;
                Selection { after, limit: i64::MAX, ..chosen(&ask) }
            }
            Amount::Forwards(limit) => {
                let after = found.including(&app.log, &ask).await?;
                Selection { after, until: Some(found.head), limit, ..chosen(&ask) }
            }
            // The place where it begins is what it reads until.
            Amount::Backwards(limit) => {
                Selection { until: Some(found.before(&app.log, &ask).await?), limit, ..chosen(&ask) }
            }
        };
        Ok::<_, sqlx::Error>((found, selection))
    };
    let opened = timeout(app.limits.request_timeout.get(), opening).await;
    let opened = opened.map_err(|_| Status::deadline_exceeded("the log took too long to read"))?;
    let (found, selection) = opened.map_err(|error| status::unread(&error))?;
    match ask.amount {
        Amount::Subscription if found.is_outrun_by(&ask) => Err(status::ahead(found.head)),
        Amount::Subscription => {
            let follower = Follower::new(Arc::clone(app), caller.token, selection, room);
            Ok(follow(app, follower, ask, found))
        }
        _ if !found.is_there => Ok(Box::pin(stream::iter([Ok(wire::stream_not_found(ask.name))]))),
        Amount::Forwards(_) | Amount::Backwards(_) => Ok(read(app, ask, found, selection, (in_flight, room))),
    }
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

/// What there is, and no more.
fn read(app: &App, ask: Ask, found: Found, selection: Selection, held: (InFlight, Room)) -> Answer {
    let records = match (ask.amount, selection.until) {
        (Amount::Backwards(_), Some(before)) => app.log.export_back(selection, before).boxed(),
        _ => app.log.export(selection).boxed(),
    };
    let Ask { form, filter, knows_ends, .. } = ask;
    let events = records.map(move |record| {
        // The call counts as in work, and has its room, until its last event.
        let _until_the_end = &held;
        let record = record.map_err(|error| status::unread(&error))?;
        Ok(wire::event(publish(&record), &form))
    });
    let end = found.last_revision.filter(|_| knows_ends).map(|last| Ok(wire::last_stream_position(last)));
    // Whether the filter was too much work is known when it has seen everything.
    let last_word = stream::once(async move {
        let overrun = filter.and_then(|filter| filter.check().err());
        overrun.map(Err).or(end)
    });
    Box::pin(events.chain(last_word.filter_map(async |word| word)))
}

/// What there is and what comes.
fn follow(app: &Arc<App>, follower: Follower, ask: Ask, found: Found) -> Answer {
    let telling = match &ask.filter {
        Some(filter) => Telling { every: filter.checkpoint_every, at_head: true },
        None => Telling::default(),
    };
    let subscription = Subscription {
        app: Arc::clone(app),
        ask,
        last_revision: found.last_revision,
        follower: follower.telling(telling),
    };
    Box::pin(stream::unfold(subscription, |mut subscription| async {
        let next = subscription.next().await?;
        Some((next, subscription))
    }))
}

struct Subscription {
    app: Arc<App>,
    ask: Ask,
    /// The last revision of the stream that the client knows.
    last_revision: Option<i64>,
    follower: Follower,
}

impl Subscription {
    async fn next(&mut self) -> Option<Result<ReadResp, Status>> {
        loop {
            let said = self.follower.next().await?;
            let told = said.map_err(status::of_cut_off).and_then(|said| self.tell(said));
            if let Some(told) = told.transpose() {
                return Some(told);
            }
        }
    }

    /// What the follower says, as the client reads it; `None` if it isn't told.
    fn tell(&mut self, said: Said) -> Result<Option<ReadResp>, Status> {
        let now = self.app.clock.now();
        if let Some(filter) = &self.ask.filter {
            filter.check()?;
        }
        Ok(match said {
            Said::Welcome => Some(wire::confirmation(entropy::new_id())),
            Said::Event(record) => {
                self.last_revision = Some(record.sequence - 1);
                Some(wire::event(publish(&record), &self.ask.form))
            }
            Said::StillHere(position) => {
                position.filter(|_| self.ask.filter.is_some()).map(|position| wire::checkpoint(position, now))
            }
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
}
