//! The connection to the other system: its calls, each of which takes a bounded time, and why they fail.

use std::{error::Error, fs, io, iter, path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use daybook_core::config::{ConnectionString, Credentials, Tls};
use daybook_projections::Untold;
use futures::stream;
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{self, Certificate, Channel, ClientTlsConfig, Endpoint},
};
use uuid::Uuid;

use crate::{
    protocol::streams::{
        append_resp::{self, success::CurrentRevisionOption},
        read_resp::{self, ReadEvent},
        streams_client::StreamsClient,
    },
    wire::{self, Event},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// When a connection on which nothing goes on is asked for a sign of life, and how long that may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));
/// The largest message that is taken: an event, as large as a server has it.
const MAX_MESSAGE_BYTES: usize = 17 << 20;
/// A follower of a cluster may not yet have what was appended, so it may not answer. Appends it passes on.
const REQUIRES_LEADER: &str = "requires-leader";

/// What can be wrong with how the other system is to be reached.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("cannot use the file of tlsCAFile, {}: {why}", file.display())]
    CaFile { file: PathBuf, why: String },
    #[error("cannot use it: {}", chain(.0))]
    Unusable(#[from] transport::Error),
    #[error("its user and password can't be sent")]
    Credentials,
}

pub struct Connection {
    client: StreamsClient<Channel>,
    credentials: Option<MetadataValue<Ascii>>,
    patience: Duration,
}

/// What the other system says to a call that appends.
pub enum Appended {
    /// This is the revision of the last event.
    UpTo(u64),
    /// The stream doesn't end where it should.
    Refused,
}

impl Connection {
    /// Connects with the first call, and anew with the next one after the connection is lost.
    pub fn new(to: &ConnectionString, patience: Duration) -> Result<Self, MirrorError> {
        let scheme = if to.tls == Tls::Off { "http" } else { "https" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{}:{}", to.host, to.port))?
            .user_agent(concat!("daybook/", env!("CARGO_PKG_VERSION")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .keep_alive_while_idle(true);
        if let Some(tls) = trusting(&to.tls)? {
            endpoint = endpoint.tls_config(tls.domain_name(to.host.trim_matches(['[', ']'])))?;
        }
        let client = StreamsClient::new(endpoint.connect_lazy()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let credentials = to.credentials.as_ref().map(basic).transpose()?;
        Ok(Self { client, credentials, patience })
    }

    /// Appends events that follow each other, all or none of them.
    pub async fn append(&self, name: &str, events: &[Event]) -> Result<Appended, Untold> {
        let said = self.request(stream::iter(wire::append(name, events)));
        let mut client = self.client.clone();
        let answer = self.in_time(client.append(said)).await?.into_inner();
        match answer.result {
            Some(append_resp::Result::Success(success)) => match success.current_revision_option {
                Some(CurrentRevisionOption::CurrentRevision(revision)) => Ok(Appended::UpTo(revision)),
                Some(CurrentRevisionOption::NoStream(_)) | None => Ok(Appended::Refused),
            },
            Some(append_resp::Result::WrongExpectedVersion(_)) => Ok(Appended::Refused),
            None => Err(Untold::failed("the other system answered something unknown", "to an append")),
        }
    }

    /// Revisions and ids of a stream's events from a revision on, at most `count`. None, if there is no such stream.
    pub async fn read(&self, name: &str, from: u64, count: usize) -> Result<Vec<(u64, Uuid)>, Untold> {
        let mut said = self.request(wire::read(name, from, count));
        said.metadata_mut().insert(REQUIRES_LEADER, MetadataValue::from_static("true"));
        let mut client = self.client.clone();
        let reading = async {
            let mut answers = client.read(said).await?.into_inner();
            let mut found = Vec::new();
            while let Some(answer) = answers.message().await? {
                if let Some(read_resp::Content::Event(ReadEvent { event: Some(event), .. })) = answer.content
                    && let Some(id) = event.id.and_then(wire::id)
                    && found.len() < count
                {
                    found.push((event.stream_revision, id));
                }
            }
            Ok(found)
        };
        self.in_time(reading).await
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(credentials) = &self.credentials {
            request.metadata_mut().insert("authorization", credentials.clone());
        }
        request
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Untold> {
        match timeout(self.patience, call).await {
            Ok(answered) => answered.map_err(|status| of_status(&status)),
            Err(_) => Err(Untold::failed(TOO_SLOW, format!("nothing within {:?}", self.patience))),
        }
    }
}

/// How the certificate of the other system is looked at.
fn trusting(tls: &Tls) -> Result<Option<ClientTlsConfig>, MirrorError> {
    let file = match tls {
        Tls::Off => return Ok(None),
        Tls::Web => return Ok(Some(ClientTlsConfig::new().with_webpki_roots())),
        Tls::Authority(file) => file,
    };
    let unusable = |why: String| MirrorError::CaFile { file: file.clone(), why };
    let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable("there is no certificate in it (PEM)".into()));
    }
    Ok(Some(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text))))
}

/// User and password as HTTP sends them (RFC 7617).
fn basic(Credentials { user, password }: &Credentials) -> Result<MetadataValue<Ascii>, MirrorError> {
    let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut value = MetadataValue::try_from(format!("Basic {pair}")).map_err(|_| MirrorError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

const TOO_SLOW: &str = "the other system doesn't answer in time";

/// The text of a status may name places, so it is for the log only.
fn of_status(status: &Status) -> Untold {
    let causes = || causes(status).skip(1);
    // The TLS library tells the runtime of a certificate that isn't trusted, and such, as of data that can't be used.
    let is_of_the_handshake = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::InvalidData)
    };
    let told = match status.code() {
        _ if causes().any(is_of_the_handshake) => {
            "no encrypted connection to the other system: is its certificate trusted?".to_owned()
        }
        _ if causes().next().is_some() => "the other system can't be reached".to_owned(),
        Code::Unauthenticated => "the other system doesn't take the user or the password".to_owned(),
        Code::PermissionDenied => {
            "access denied: the other system's user has to append to streams and read them".to_owned()
        }
        Code::DeadlineExceeded => TOO_SLOW.to_owned(),
        code => match exception(status) {
            Some(name) => format!("the other system answered {code:?} ({name})"),
            None => format!("the other system answered {code:?}"),
        },
    };
    let why = causes().fold(status.message().to_owned(), |why, cause| format!("{why}: {cause}"));
    Untold::Failed { told, why }
}

/// An error, what caused it, what caused that, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&cause| cause.source())
}

fn chain(error: &transport::Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The protocol's name for what a status alone doesn't say, such as `maximum-append-size-exceeded`.
fn exception(status: &Status) -> Option<&str> {
    let name = status.metadata().get("exception")?.to_str().ok()?;
    let is_name = name.len() <= 64 && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use daybook_projections::workers::Tell;

    use super::*;

    /// Catches: an address of IPv6 that is looked for in a certificate with its brackets.
    #[tokio::test]
    async fn every_form_of_a_host_can_be_reached() {
        for host in ["db.example", "127.0.0.1", "[::1]"] {
            for tls in ["true", "false"] {
                let to = format!("esdb://ann:secret@{host}:2113?tls={tls}").parse().expect("valid");
                Connection::new(&to, CONNECT_TIMEOUT).expect("it can be used");
            }
        }
    }

    /// Catches: a text of the other system, which may name anything, in what operators are shown.
    #[test]
    fn a_refusal_is_told_in_words_of_our_own() {
        let named = |name: &'static str| {
            let mut status = Status::invalid_argument("see 10.0.0.7");
            status.metadata_mut().insert("exception", MetadataValue::from_static(name));
            status
        };
        for (status, told) in [
            (Status::unauthenticated("see 10.0.0.7"), "doesn't take the user or the password"),
            (Status::permission_denied("see 10.0.0.7"), "access denied"),
            (Status::deadline_exceeded("see 10.0.0.7"), "doesn't answer in time"),
            (Status::internal("see 10.0.0.7"), "answered Internal"),
            (
                named("maximum-append-size-exceeded"),
                "answered InvalidArgument (maximum-append-size-exceeded)",
            ),
            (named("at 10.0.0.7"), "answered InvalidArgument"),
        ] {
            let untold = of_status(&status);
            assert!(untold.tell().contains(told) && !untold.tell().contains("10.0.0.7"), "{untold}");
            assert!(untold.to_string().contains("10.0.0.7"), "the log has it: {untold}");
        }
    }
}
