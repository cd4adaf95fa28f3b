//! Who calls, and whether they are let in.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use daybook_core::{admission::identify, app::App, audit::Entry, metrics::TurnedAway, reads::Events};
use tonic::{Extensions, Status, metadata::MetadataMap};

use crate::{answers::Answers, status};

const AUTHORIZATION: &str = "authorization";

/// Where a connection comes from, and what is answered on it.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: IpAddr,
    pub answers: Answers,
}

/// A call, wherever its connection comes from.
#[derive(Debug, Clone)]
pub struct Call {
    pub request_id: String,
    /// Where it comes from.
    pub address: IpAddr,
}

/// A caller who may read the log.
#[derive(Debug, Clone)]
pub struct Caller {
    pub subject: String,
    pub token: String,
}

/// Where the connection of a call comes from.
pub fn peer(extensions: &Extensions) -> &Peer {
    extensions.get::<Peer>().expect("each connection of the listener has one")
}

pub fn call(extensions: &Extensions) -> &Call {
    extensions.get::<Call>().expect("each call is observed")
}

/// Lets in who needs no token for what they ask.
pub fn admit_anyone(app: &App, call: &Call) -> Result<(), Status> {
    app.rates.address(call.address).map(drop).map_err(status::too_often)
}

/// Lets callers in who may read the log. `target` is what of it they want.
pub fn admit(app: &App, metadata: &MetadataMap, call: &Call, target: &str) -> Result<Caller, Status> {
    if app.traffic.is_draining() {
        TurnedAway::Draining.count();
        return Err(status::draining());
    }
    let Some(token) = presented_token(metadata)? else {
        admit_anyone(app, call)?;
        return Err(status::unauthenticated());
    };
    let (actor, _) = identify(app, &token, call.address).map_err(status::of_unidentified)?;
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

/// The token by itself, or as the password of a user whose name is not looked at. More than one is no token that is
/// valid, nor is what can't be read.
fn presented_token(metadata: &MetadataMap) -> Result<Option<String>, Status> {
    let mut values = metadata.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| status::unauthenticated())?,
        (Some(_), Some(_)) => return Err(status::unauthenticated()),
    };
    let (scheme, credentials) = value.split_once(' ').ok_or_else(status::unauthenticated)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(credentials.to_owned()));
    }
    password(scheme, credentials).map(Some).ok_or_else(status::unauthenticated)
}

/// The password of RFC 7617.
fn password(scheme: &str, credentials: &str) -> Option<String> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic::{Code, metadata::MetadataValue};

    use super::*;

    fn token(values: &[&str]) -> Result<Option<String>, Code> {
        let mut metadata = MetadataMap::new();
        for value in values {
            let value: MetadataValue<_> = value.parse().expect("a value");
            metadata.append(AUTHORIZATION, value);
        }
        presented_token(&metadata).map_err(|status| status.code())
    }

    #[test]
    fn a_token_is_a_password_or_a_bearer() {
        assert_eq!(token(&["Bearer a.b.c"]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&["bearer  a.b.c "]), Ok(Some("a.b.c".into())));
        // analyst:a.b.c
        assert_eq!(token(&["Basic YW5hbHlzdDphLmIuYw=="]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&["BASIC OmEuYi5j"]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&[]), Ok(None));
    }

    #[test]
    fn what_is_neither_is_no_token_that_is_valid() {
        for values in [
            &["a.b.c"][..],
            &["Digest a.b.c"],
            &["Basic !"],
            &["Basic YW5hbHlzdA=="],
            &["Bearer a.b.c", "Bearer a.b.c"],
        ] {
            assert_eq!(token(values), Err(Code::Unauthenticated), "{values:?}");
        }
    }
}
