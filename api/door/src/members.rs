//! What clients ask before anything else, without a token: which methods there are, and where the server is.

use std::sync::Arc;

use daybook_core::app::App;
use daybook_rpc::caller::call;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    caller,
    protocol::{
        Empty,
        gossip::{ClusterInfo, EndPoint, MemberInfo, gossip_server, member_info::VNodeState},
        server_features::{SupportedMethod, SupportedMethods, server_features_server},
    },
    wire::{self, Ids},
};

/// What clients take us for: a server that has all that is listed below. Newer ones ask a newer server for more.
const VERSION: &str = "24.10.0";

/// Each method with its package and features.
const METHODS: [(&str, &str, &[&str]); 3] = [
    ("event_store.client.streams.streams", "read", &["position", "events"]),
    ("event_store.client.gossip.gossip", "read", &[]),
    ("event_store.client.server_features.serverfeatures", "getsupportedmethods", &[]),
];

/// The only member of the cluster.
#[derive(Clone)]
pub struct Members {
    pub app: Arc<App>,
    pub id: Uuid,
    /// Where clients find it.
    pub address: (String, u16),
}

#[tonic::async_trait]
impl server_features_server::ServerFeatures for Members {
    async fn get_supported_methods(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<SupportedMethods>, Status> {
        caller::admit_anyone(&self.app, call(request.extensions()))?;
        let methods = METHODS.map(|(service, method, features)| SupportedMethod {
            method_name: method.to_owned(),
            service_name: service.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        });
        Ok(Response::new(SupportedMethods {
            methods: methods.into(),
            event_store_server_version: VERSION.to_owned(),
        }))
    }
}

#[tonic::async_trait]
impl gossip_server::Gossip for Members {
    async fn read(&self, request: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        caller::admit_anyone(&self.app, call(request.extensions()))?;
        let is_draining = self.app.traffic.is_draining();
        let state = if is_draining { VNodeState::ShuttingDown } else { VNodeState::Leader };
        let (address, port) = self.address.clone();
        let member = MemberInfo {
            instance_id: Some(wire::id(self.id, Ids::Text)),
            time_stamp: wire::ticks(self.app.clock.now()),
            state: state.into(),
            is_alive: !is_draining,
            http_end_point: Some(EndPoint { address, port: port.into() }),
        };
        Ok(Response::new(ClusterInfo { members: vec![member] }))
    }
}
