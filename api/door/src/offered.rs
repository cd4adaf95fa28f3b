//! The services of the door, for the listener of gRPC.

use std::{net::SocketAddr, sync::Arc};

use daybook_core::{app::App, config, entropy};
use daybook_rpc::Served;

use crate::{
    members::Members,
    protocol::{
        gossip::gossip_server::GossipServer, server_features::server_features_server::ServerFeaturesServer,
        streams::streams_server::StreamsServer,
    },
    streams::Streams,
};

/// What the methods of the streams are called in the log and in metrics.
const OF_STREAMS: [(&str, &str); 5] = [
    ("Read", "read"),
    ("Append", "append"),
    ("BatchAppend", "batch_append"),
    ("Delete", "delete"),
    ("Tombstone", "tombstone"),
];

/// Adds them, of a server that listens at `address`.
pub fn add_to(served: Served, settings: &config::Door, app: &Arc<App>, address: SocketAddr) -> Served {
    let members = members(settings, app, address);
    served
        .with(StreamsServer::new(Streams { app: Arc::clone(app) }), OF_STREAMS.map(called))
        .with(ServerFeaturesServer::new(members.clone()), [called(("GetSupportedMethods", "features"))])
        .with(GossipServer::new(members), [called(("Read", "gossip"))])
}

fn called((method, name): (&str, &str)) -> (String, String) {
    (method.to_owned(), name.to_owned())
}

/// The server as it is told to clients that discover it.
fn members(settings: &config::Door, app: &Arc<App>, listens: SocketAddr) -> Members {
    let advertised = settings.advertise.as_ref().and_then(|advertised| {
        let (host, port) = advertised.rsplit_once(':')?;
        Some((host.to_owned(), port.parse().ok()?))
    });
    Members {
        app: Arc::clone(app),
        id: entropy::new_id(),
        address: advertised.unwrap_or_else(|| (listens.ip().to_string(), listens.port())),
    }
}
