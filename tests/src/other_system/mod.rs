//! A system of others that the mirror appends to: a server that speaks the part of EventStoreDB's protocol that the mirror
//! needs, made from its documentation. It keeps everything in memory, and breaks what it is told to break.

pub mod rules;

mod protocol;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{Stream, stream};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataValue,
    transport::{Server, server::TcpIncoming},
};
use url::Url;
use uuid::Uuid;

use self::{
    protocol::{
        Empty, StreamIdentifier,
        streams::{
            AppendReq, AppendResp, ReadReq, ReadResp,
            append_req::{Content, Options, ProposedMessage, options::ExpectedStreamRevision},
            append_resp::{
                self, Position, Success, WrongExpectedVersion,
                success::{CurrentRevisionOption, PositionOption},
                wrong_expected_version::{self, ExpectedRevisionOption},
            },
            read_req::options::{CountOption, ReadDirection, StreamOption, stream_options::RevisionOption},
            read_resp::{
                self, ReadEvent, StreamNotFound,
                read_event::{self, RecordedEvent},
            },
            streams_server::{self, StreamsServer},
        },
        uuid::{Structured, Value},
    },
    rules::{Expected, Kept, Proposed, Refused, Streams},
};
use crate::{
    Proxy,
    authority::{Authority, Issued},
    server::Folder,
};

pub const USER: &str = "mirror";
pub const PASSWORD: &str = "opensesame";
/// The largest message that is taken.
const MAX_MESSAGE_BYTES: usize = 17 << 20;

/// Ends when it is dropped.
pub struct OtherSystem {
    state: Arc<State>,
    /// The certificate of its authority, if it has TLS.
    trusted: Option<(Folder, PathBuf)>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct State {
    streams: Mutex<Streams>,
    mood: Mutex<Mood>,
    appends: Mutex<u32>,
    /// Where its clients reach it. It can cut their connections.
    front: OnceLock<Proxy>,
}

/// What it does to its clients.
#[derive(Debug, Clone, Default)]
pub struct Mood {
    /// How long each append takes.
    pub delay: Duration,
    /// Every connection is cut before so many appends are done.
    pub cut_before: Option<u32>,
    /// Every connection is cut after each so many appends, before they are answered.
    pub cut_after: Option<u32>,
    /// No client may append.
    pub is_closed: bool,
}

impl OtherSystem {
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// With a certificate of an authority of its own.
    pub async fn start_with_tls() -> Self {
        let (authority, folder) = (Authority::new(), Folder::new("daybook-other", None));
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, authority.pem()).expect("written");
        let started = Self::start_as(Some(acceptor(&authority.issue()))).await;
        Self { trusted: Some((folder, path)), ..started }
    }

    async fn start_as(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State::default());
        let streams = StreamsServer::new(Served(Arc::clone(&state)));
        let served = Server::builder().add_service(streams.max_decoding_message_size(MAX_MESSAGE_BYTES));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let served = match tls {
                None => {
                    served.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))).await
                }
                Some(tls) => served.serve_with_incoming(encrypted(listener, tls)).await,
            };
            served.expect("it serves");
        });
        let url = Url::parse(&format!("http://{address}")).expect("a URL");
        let _ = state.front.set(Proxy::to(&url).await);
        Self { state, trusted: None, _serving: tasks }
    }

    /// What its clients are told.
    pub fn url(&self) -> String {
        self.url_with(PASSWORD)
    }

    pub fn url_with(&self, password: &str) -> String {
        let front = self.front().url(&Url::parse("http://127.0.0.1:1").expect("a URL"));
        let place = format!("127.0.0.1:{}", front.port().expect("a port"));
        let tls = match self.trusted() {
            Some(path) => format!("tlsCAFile={}", path.display()),
            None => "tls=false".to_owned(),
        };
        format!("esdb://{USER}:{password}@{place}?{tls}")
    }

    pub fn trusted(&self) -> Option<&Path> {
        self.trusted.as_ref().map(|(_, path)| path.as_path())
    }

    /// What is between it and its clients.
    pub fn front(&self) -> &Proxy {
        self.state.front.get().expect("it was set at the start")
    }

    pub fn set(&self, mood: Mood) {
        *locked(&self.state.mood) = mood;
    }

    /// Calls that have appended something, or would have.
    pub fn appends(&self) -> u32 {
        *locked(&self.state.appends)
    }

    /// Everything, in the order in which it came.
    pub fn all(&self) -> Vec<Kept> {
        locked(&self.state.streams).all()
    }

    /// What others do to it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Streams) -> T) -> T {
        change(&mut locked(&self.state.streams))
    }

    /// An event of others at the end of a stream.
    pub fn write(&self, stream: &str) -> Uuid {
        let id = crate::shop::new_id();
        let metadata = BTreeMap::from([("type".to_owned(), "Foreign".to_owned())]);
        let event = Proposed { id, metadata, custom_metadata: vec![], data: b"{}".to_vec() };
        self.change(|streams| streams.append(stream, Expected::Any, vec![event])).expect("appended");
        id
    }
}

/// The provider is named, because tests have more than one.
fn acceptor(issued: &Issued) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("it has versions")
        .with_no_client_auth()
        .with_single_cert(vec![issued.certificate.der().clone()], key)
        .expect("the key fits");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// The connections of clients who trust the certificate.
fn encrypted(
    listener: TcpListener,
    tls: TlsAcceptor,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    stream::unfold((listener, tls), |(listener, tls)| async move {
        loop {
            let (socket, _) = listener.accept().await.ok()?;
            if let Ok(greeted) = tls.accept(socket).await {
                return Some((Ok(greeted), (listener, tls)));
            }
        }
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Served(Arc<State>);

impl Served {
    fn admit<T>(request: &Request<T>) -> Result<(), Status> {
        let expected = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
        match request.metadata().get("authorization") {
            Some(given) if given.as_bytes() == format!("Basic {expected}").as_bytes() => Ok(()),
            Some(_) => Err(Status::unauthenticated("Unauthenticated")),
            None => Err(denied()),
        }
    }

    /// Cuts every connection if it is this one's turn, and never returns then.
    async fn cut(&self, each: Option<u32>, count: u32) {
        if each.is_some_and(|each| count.is_multiple_of(each)) {
            self.0.front.get().expect("it was set at the start").cut();
            std::future::pending::<()>().await;
        }
    }
}

#[tonic::async_trait]
impl streams_server::Streams for Served {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        Self::admit(&request)?;
        let mut said = request.into_inner();
        let first = said.message().await?.and_then(|first| first.content);
        let Some(Content::Options(options)) = first else {
            return Err(Status::invalid_argument("options come first"));
        };
        let mut events = Vec::new();
        while let Some(next) = said.message().await? {
            match next.content {
                Some(Content::ProposedMessage(message)) => events.push(proposed(message)?),
                _ => return Err(Status::invalid_argument("messages come behind the options")),
            }
        }
        let (name, expected) = target(options)?;
        let mood = locked(&self.0.mood).clone();
        if mood.is_closed {
            return Err(denied());
        }
        let count = {
            let mut appends = locked(&self.0.appends);
            *appends += 1;
            *appends
        };
        sleep(mood.delay).await;
        self.cut(mood.cut_before, count).await;
        let appended = locked(&self.0.streams).append(&name, expected, events);
        self.cut(mood.cut_after, count).await;
        match appended {
            Ok(revision) => Ok(Response::new(success(revision))),
            Err(Refused::WrongExpectedVersion(last)) => Ok(Response::new(wrong(expected, last))),
            Err(Refused::TooLarge) => {
                let mut status = Status::invalid_argument("Maximum Append Size Exceeded.");
                let exception = MetadataValue::from_static("maximum-append-size-exceeded");
                status.metadata_mut().insert("exception", exception);
                Err(status)
            }
        }
    }

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        Self::admit(&request)?;
        let unclear = || Status::invalid_argument("a stream, forwards, and a count");
        let options = request.into_inner().options.ok_or_else(unclear)?;
        let Some(StreamOption::Stream(of)) = options.stream_option else { return Err(unclear()) };
        let (Some(CountOption::Count(count)), ReadDirection::Forwards) =
            (options.count_option, ReadDirection::try_from(options.read_direction).map_err(|_| unclear())?)
        else {
            return Err(unclear());
        };
        let from = match of.revision_option {
            Some(RevisionOption::Revision(from)) => from,
            Some(RevisionOption::Start(_)) | None => 0,
            Some(RevisionOption::End(_)) => u64::MAX,
        };
        let name = named(of.stream_identifier)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let answers: Vec<_> = match locked(&self.0.streams).read(&name, from) {
            Some(found) => found.iter().take(count).map(|kept| Ok(read(kept))).collect(),
            None => vec![Ok(not_found(&name))],
        };
        Ok(Response::new(Box::pin(stream::iter(answers))))
    }
}

fn denied() -> Status {
    let mut status = Status::permission_denied("Access Denied");
    status.metadata_mut().insert("exception", MetadataValue::from_static("access-denied"));
    status
}

fn named(identifier: Option<StreamIdentifier>) -> Result<String, Status> {
    let name = identifier.map(|identifier| identifier.stream_name.to_vec()).unwrap_or_default();
    String::from_utf8(name).map_err(|_| Status::invalid_argument("a name is UTF-8"))
}

fn target(options: Options) -> Result<(String, Expected), Status> {
    let expected = match options.expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => Expected::Exact(revision),
        Some(ExpectedStreamRevision::NoStream(_)) => Expected::NoStream,
        Some(ExpectedStreamRevision::StreamExists(_)) => Expected::StreamExists,
        Some(ExpectedStreamRevision::Any(_)) | None => Expected::Any,
    };
    Ok((named(options.stream_identifier)?, expected))
}

/// A server needs both of them.
fn proposed(message: ProposedMessage) -> Result<Proposed, Status> {
    let ProposedMessage { id, metadata, custom_metadata, data } = message;
    if !metadata.contains_key("type") || !metadata.contains_key("content-type") {
        return Err(Status::invalid_argument("type and content-type are required"));
    }
    let id = match id.and_then(|id| id.value) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Structured(Structured { most_significant_bits: high, least_significant_bits: low })) => {
            Some(Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned()))
        }
        None => None,
    };
    Ok(Proposed {
        id: id.ok_or_else(|| Status::invalid_argument("an event has an id"))?,
        metadata: metadata.into_iter().collect(),
        custom_metadata: custom_metadata.to_vec(),
        data: data.to_vec(),
    })
}

fn success(revision: u64) -> AppendResp {
    let position = PositionOption::Position(Position::default());
    let success = Success {
        current_revision_option: Some(CurrentRevisionOption::CurrentRevision(revision)),
        position_option: Some(position),
    };
    AppendResp { result: Some(append_resp::Result::Success(success)) }
}

fn wrong(expected: Expected, last: Option<u64>) -> AppendResp {
    use wrong_expected_version::CurrentRevisionOption::{CurrentNoStream, CurrentRevision};
    let wrong = WrongExpectedVersion {
        current_revision_option: Some(last.map_or(CurrentNoStream(Empty {}), CurrentRevision)),
        expected_revision_option: Some(match expected {
            Expected::Any => ExpectedRevisionOption::ExpectedAny(Empty {}),
            Expected::NoStream => ExpectedRevisionOption::ExpectedNoStream(Empty {}),
            Expected::StreamExists => ExpectedRevisionOption::ExpectedStreamExists(Empty {}),
            Expected::Exact(revision) => ExpectedRevisionOption::ExpectedRevision(revision),
        }),
    };
    AppendResp { result: Some(append_resp::Result::WrongExpectedVersion(wrong)) }
}

fn read(kept: &Kept) -> ReadResp {
    let mut metadata: std::collections::HashMap<_, _> = kept.metadata.clone().into_iter().collect();
    metadata.insert("created".into(), "0".into());
    let event = RecordedEvent {
        id: Some(protocol::Uuid { value: Some(Value::String(kept.id.to_string())) }),
        stream_identifier: Some(identifier(&kept.stream)),
        stream_revision: kept.revision,
        prepare_position: kept.position,
        commit_position: kept.position,
        metadata,
        custom_metadata: kept.custom_metadata.clone().into(),
        data: kept.data.clone().into(),
    };
    let position = Some(read_event::Position::CommitPosition(kept.position));
    ReadResp { content: Some(read_resp::Content::Event(ReadEvent { event: Some(event), position })) }
}

fn not_found(name: &str) -> ReadResp {
    let stream_identifier = Some(identifier(name));
    ReadResp { content: Some(read_resp::Content::StreamNotFound(StreamNotFound { stream_identifier })) }
}

fn identifier(name: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: name.as_bytes().to_vec().into() }
}
