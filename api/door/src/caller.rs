//! Whether a caller is let in.

use daybook_core::{admission::identify, app::App, audit::Entry, metrics::TurnedAway, reads::Events};
use daybook_rpc::caller::{Call, presented_token};
use tonic::{Status, metadata::MetadataMap};

use crate::status;

/// A caller who may read the log.
#[derive(Debug, Clone)]
pub struct Caller {
    pub subject: String,
    pub token: String,
}

/// Lets in who needs no token for what they ask.
pub fn admit_anyone(app: &App, call: &Call) -> Result<(), Status> {
    app.rates.address(call.address).map(drop).map_err(status::too_often)
}

/// Lets callers in who may read the log. `target` is what of it they want.
pub async fn admit(app: &App, metadata: &MetadataMap, call: &Call, target: &str) -> Result<Caller, Status> {
    if app.traffic.is_draining() {
        TurnedAway::Draining.count();
        return Err(status::draining());
    }
    let Some(token) = presented_token(metadata).map_err(|_| status::unauthenticated())? else {
        admit_anyone(app, call)?;
        return Err(status::unauthenticated());
    };
    let (actor, _) = identify(app, &token, call.address).await.map_err(status::of_unidentified)?;
    Events::admit(Some(&actor)).map_err(|error| {
        note_refusal(app, &actor.subject, call, target);
        status::access_denied(error.to_string())
    })?;
    Ok(Caller { subject: actor.subject.clone(), token })
}

fn note_refusal(app: &App, subject: &str, call: &Call, target: &str) {
    app.audit.refused(Entry {
        actor: subject.to_owned(),
        action: "event_store.client.streams.Streams/Read".into(),
        target: target.to_owned(),
        outcome: "forbidden",
        reason: None,
        request_id: call.request_id.clone(),
        address: call.address,
    });
}
