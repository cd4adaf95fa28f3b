//! The client of EventStoreDB, at the door of a server.

use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::Duration,
};

use daybook_core::{Config, config};
use daybook_domain::policy::Role;
use eventstore::{
    Client, ClientSettings, ReadEvent, ReadStream, RecordedEvent, ResolvedEvent, Subscription,
    SubscriptionEvent,
};
use tokio::time::timeout;

use crate::{Daybook, TestApp, authority::Authority, server::Folder};

/// How long an event may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a door needs to be opened, and its clients to trust it.
pub struct Door {
    folder: Folder,
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

impl Door {
    pub fn new() -> Self {
        let folder = Folder::new("daybook-door", None);
        let authority = Authority::new();
        let issued = authority.issue();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the file is ours");
        };
        write("ca.pem", authority.pem());
        write("door.pem", issued.certificate.pem());
        write("door.key", issued.key.serialize_pem());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens it in a server that is to be started.
    pub fn open(&self, config: &mut Config) {
        config.door = config::Door {
            listen: "127.0.0.1:0".parse().expect("an address"),
            certificate_file: Some(self.path("door.pem")),
            key_file: Some(self.path("door.key")),
            ..config::Door::default()
        };
    }

    /// The same in a process of its own.
    pub fn open_in(&self, daybook: Daybook, address: SocketAddr) -> Daybook {
        daybook
            .with("door.listen", address)
            .with("door.certificate_file", self.path("door.pem").display())
            .with("door.key_file", self.path("door.key").display())
    }

    /// A client who shows a token of this role.
    pub fn client(&self, app: &TestApp, role: Role) -> Client {
        self.client_with(app, "esdb", &app.token(role.as_str(), &[role]))
    }

    pub fn client_with(&self, app: &TestApp, scheme: &str, token: &str) -> Client {
        self.client_of(app.door(), scheme, token)
    }

    pub fn client_of(&self, address: SocketAddr, scheme: &str, token: &str) -> Client {
        connect(&self.connection_string(address, scheme, token))
    }

    pub fn connection_string(&self, address: SocketAddr, scheme: &str, token: &str) -> String {
        format!("{scheme}://any:{token}@{address}?tlsCAFile={}", self.path("ca.pem").display())
    }
}

/// A client of the server that the text names.
pub fn connect(text: &str) -> Client {
    let settings: ClientSettings = text.parse().expect("a connection string");
    Client::new(settings).expect("a client")
}

/// All events until the end of a read.
pub async fn events(stream: &mut ReadStream) -> Vec<ResolvedEvent> {
    let mut events = Vec::new();
    let reading = async {
        while let Some(event) = stream.next().await.expect("it is read to its end") {
            events.push(event);
        }
    };
    timeout(PATIENCE, reading).await.expect("it ends in time");
    events
}

/// All that is said until the end of a read.
pub async fn said(stream: &mut ReadStream) -> Vec<ReadEvent> {
    let mut said = Vec::new();
    while let Some(next) = stream.next_read_event().await.expect("it is read to its end") {
        said.push(next);
    }
    said
}

/// What a subscription says next.
pub async fn next(subscription: &mut Subscription) -> eventstore::Result<SubscriptionEvent> {
    timeout(PATIENCE, subscription.next_subscription_event()).await.expect("something is said in time")
}

/// The next so many events of a subscription, whatever else it says.
pub async fn following(subscription: &mut Subscription, count: usize) -> Vec<ResolvedEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        if let SubscriptionEvent::EventAppeared(event) = next(subscription).await.expect("it goes on") {
            events.push(event);
        }
    }
    events
}

/// The event itself, and not the link to it.
pub fn event(resolved: &ResolvedEvent) -> &RecordedEvent {
    resolved.event.as_ref().expect("an event")
}

/// The places of events in the log.
pub fn positions(events: &[ResolvedEvent]) -> Vec<i64> {
    let position = |resolved| i64::try_from(event(resolved).position.commit).expect("a position");
    events.iter().map(position).collect()
}

/// Their places in their streams.
pub fn revisions(events: &[ResolvedEvent]) -> Vec<u64> {
    events.iter().map(|resolved| event(resolved).revision).collect()
}
