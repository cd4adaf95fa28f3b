//! Clients of gRPC, without TLS.

mod clients;

use std::net::SocketAddr;

use daybook_domain::policy::Role;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::TestApp;
use clients::daybook::v1::{
    catalog_service_client::CatalogServiceClient, event_service_client::EventServiceClient,
    order_service_client::OrderServiceClient, stock_service_client::StockServiceClient,
    tax_service_client::TaxServiceClient,
};
pub use clients::grpc::health::v1::health_client::HealthClient;

type Calls = InterceptedService<Channel, Bearer>;

/// Someone who calls.
#[derive(Clone)]
pub struct Grpc {
    channel: Channel,
    bearer: Bearer,
}

#[derive(Clone)]
pub struct Bearer(Option<String>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            let value = MetadataValue::try_from(format!("Bearer {token}")).expect("a token is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl Grpc {
    pub fn at(address: SocketAddr, token: Option<String>) -> Self {
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("an address").connect_lazy();
        Self { channel, bearer: Bearer(token) }
    }

    /// With a token of this role, and the role's name as its subject.
    pub fn by(app: &TestApp, role: Role) -> Self {
        Self::named(app, role.as_str(), role)
    }

    pub fn named(app: &TestApp, subject: &str, role: Role) -> Self {
        Self::at(app.door(), Some(app.token(subject, &[role])))
    }

    pub fn orders(&self) -> OrderServiceClient<Calls> {
        OrderServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub fn catalog(&self) -> CatalogServiceClient<Calls> {
        CatalogServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub fn stock(&self) -> StockServiceClient<Calls> {
        StockServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub fn taxes(&self) -> TaxServiceClient<Calls> {
        TaxServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub fn events(&self) -> EventServiceClient<Calls> {
        EventServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }
}
