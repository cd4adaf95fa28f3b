//! The listener: connections with TLS, how many there are, and their end.

mod connection;

use std::{
    fs, io,
    net::{SocketAddr, TcpListener as StdListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daybook_core::{
    app::App,
    config,
    entropy::Clock,
    keys::{self, KeyError},
};
use futures::{Stream, StreamExt, stream};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tokio_util::{either::Either, sync::CancellationToken};
use tonic::transport::Server;
use tower_layer::layer_fn;
use tracing::{error, info, warn};
use x509_cert::{Certificate, der::Decode};

use crate::{listener::connection::Connection, metrics, observe::Observed, served::Served};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long connections may take to end by themselves.
const LINGER: Duration = Duration::from_secs(1);
/// Calls of one connection at the same time.
const MAX_CALLS: u32 = 256;
/// A token is in it.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// When a connection on which nothing goes on is asked for a sign of life, and how long that may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    #[error("setting door.certificate_file: cannot use {path}: {why}")]
    Certificate { path: PathBuf, why: String },
    #[error("setting door.key_file: {0}")]
    Key(#[from] KeyError),
}

/// One that is open.
pub struct Listener {
    pub address: SocketAddr,
    /// Takes no new connections and calls.
    leave: CancellationToken,
    /// Ends every connection.
    end: CancellationToken,
    /// Ended when no connection is left.
    over: CancellationToken,
}

impl Listener {
    /// Serves what `services` makes for the address at which it listens. `None`: there is nothing of all that, because
    /// nothing is said of how clients are to know the server.
    pub fn start(
        settings: &config::Door,
        app: &Arc<App>,
        services: impl FnOnce(SocketAddr) -> Served,
    ) -> Result<Option<Self>, ListenerError> {
        let tls = match (&settings.certificate_file, &settings.key_file) {
            (Some(certificate), Some(key)) => Some(acceptor(certificate, key)?),
            _ if settings.plaintext => None,
            _ => {
                info!(
                    "there is no door of EventStoreDB: it needs door.certificate_file and door.key_file, or \
                     door.plaintext = true behind something that has TLS; nor is there gRPC"
                );
                return Ok(None);
            }
        };
        let listener = StdListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let Served { routes, methods, .. } = services(address);
        let (leave, end, over) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let observed = {
            let (app, methods) = (Arc::clone(app), Arc::new(methods));
            layer_fn(move |inner| Observed { app: Arc::clone(&app), methods: Arc::clone(&methods), inner })
        };
        let server = Server::builder()
            .layer(observed)
            .max_connection_age(settings.max_connection_age.get())
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .max_concurrent_streams(MAX_CALLS)
            .add_routes(routes);
        let patience = app.live.write_timeout;
        let connections = connections(listener, tls, settings.max_connections, end.clone(), patience);
        let serving = {
            let (leave, over) = (leave.clone(), over.clone());
            async move {
                let _over = over.drop_guard();
                if let Err(error) = server.serve_with_incoming_shutdown(connections, leave.cancelled()).await
                {
                    error!(%error, %address, "the door broke");
                }
            }
        };
        app.crew.run("door", serving);
        Ok(Some(Self { address, leave, end, over }))
    }

    /// Closes it and every connection, within a little more than a second.
    pub async fn stop(&self) {
        self.leave.cancel();
        if timeout(LINGER, self.over.cancelled()).await.is_err() {
            self.end.cancel();
        }
    }
}

/// The connections of clients, each after its handshake.
fn connections(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    most: usize,
    end: CancellationToken,
    patience: Duration,
) -> impl Stream<Item = io::Result<Connection>> {
    let accepted = stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await;
        if let Err(error) = &accepted {
            warn!(%error, "the door can't accept a connection");
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
        }
        Some((accepted.ok(), listener))
    });
    let room = Arc::new(Semaphore::new(most));
    let greeted = accepted.map(move |accepted| {
        let (tls, end) = (tls.clone(), end.clone());
        // Where there is no room, the connection is closed at once.
        let place = accepted.is_some().then(|| Arc::clone(&room).try_acquire_owned().ok()).flatten();
        async move {
            let ((socket, peer), place) = (accepted?, place?);
            socket.set_nodelay(true).ok()?;
            let bytes = match tls {
                None => Either::Left(socket),
                Some(tls) => {
                    let greeted = timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await;
                    Either::Right(Box::new(greeted.ok()?.ok()?))
                }
            };
            Some(Ok(Connection::new(bytes, peer.ip(), place, end, patience)))
        }
    });
    greeted.buffer_unordered(most).filter_map(async |connection| connection)
}

/// Tells when the certificate ends: nothing else would, until the first client is refused.
fn tell_end(own: Option<&CertificateDer<'_>>, file: &Path) {
    let Some(certificate) = own.and_then(|own| Certificate::from_der(own).ok()) else { return };
    let ends = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    let ends = i64::try_from(ends.as_secs()).unwrap_or(i64::MAX);
    metrics::CERTIFICATE_ENDS.set(ends);
    if ends < Clock::System.now().timestamp() {
        error!(file = %file.display(), "the certificate of the gRPC listener has ended, so clients refuse it");
    }
}

/// The provider is named, since a program may have more than one.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, ListenerError> {
    let unusable = |why: String| ListenerError::Certificate { path: certificate.to_owned(), why };
    let chain = fs::read(certificate).map_err(|error| unusable(error.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.map_err(|error| unusable(error.to_string()))?;
    tell_end(chain.first(), certificate);
    let key = keys::read(key)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| KeyError::Unusable("the file has no private key in PEM"))?;
    let config = |chain| {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok::<_, rustls::Error>(config)
    };
    let config = config(chain).map_err(|error| unusable(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
