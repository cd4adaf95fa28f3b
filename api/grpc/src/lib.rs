//! gRPC, typed: the same commands and reads as HTTP's, as methods with messages of their own. HTTP's routes say what
//! there is; this package translates the questions and the answers.

mod catalog;
mod deadline;
mod desk;
mod events;
mod health;
mod json;
mod orders;
pub mod protocol;
mod status;
mod stock;
mod taxes;
mod time;

use std::sync::Arc;

use daybook_core::app::App;
use daybook_rpc::Served;
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic_reflection::server::Builder;

use desk::Desk;
use health::Health;
use protocol::{
    DESCRIPTORS,
    health::health_server::HealthServer,
    v1::{
        catalog_service_server::CatalogServiceServer, event_service_server::EventServiceServer,
        order_service_server::OrderServiceServer, stock_service_server::StockServiceServer,
        tax_service_server::TaxServiceServer,
    },
};

/// Adds the services of this interface. A message has at most as many bytes as a body of HTTP.
pub fn add_to(served: Served, app: &Arc<App>) -> Served {
    let desk = Desk::new(app);
    let most_bytes = app.limits.max_body.in_memory();
    let files = FileDescriptorSet::decode(DESCRIPTORS).expect("the build has written it");
    let orders = OrderServiceServer::new(orders::Orders(desk.clone())).max_decoding_message_size(most_bytes);
    let catalog =
        CatalogServiceServer::new(catalog::Catalog(desk.clone())).max_decoding_message_size(most_bytes);
    let stock = StockServiceServer::new(stock::Stocks(desk.clone())).max_decoding_message_size(most_bytes);
    let taxes = TaxServiceServer::new(taxes::Taxes(desk.clone())).max_decoding_message_size(most_bytes);
    let events = EventServiceServer::new(events::Events(desk)).max_decoding_message_size(most_bytes);
    let health = Health { app: Arc::clone(app), services: services(&files) };
    let health = HealthServer::new(health).max_decoding_message_size(most_bytes);
    let reflection = Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .expect("the files fit together");
    let methods = |service: &str| methods(&files, service);
    served
        .with(orders, methods("OrderService"))
        .with(catalog, methods("CatalogService"))
        .with(stock, methods("StockService"))
        .with(taxes, methods("TaxService"))
        .with(events, methods("EventService"))
        .with(health, methods("Health"))
        .with(reflection, [("ServerReflectionInfo".to_owned(), "reflection".to_owned())])
}

/// The whole names of all services.
fn services(files: &FileDescriptorSet) -> Vec<String> {
    let named = |file: &FileDescriptorProto| {
        let package = file.package().to_owned();
        let names = file.service.iter().map(move |service| format!("{package}.{}", service.name()));
        names.collect::<Vec<_>>()
    };
    files.file.iter().flat_map(named).collect()
}

/// The methods of a service, and what they are called in the log and in metrics.
fn methods(files: &FileDescriptorSet, service: &str) -> Vec<(String, String)> {
    let services = files.file.iter().flat_map(|file| &file.service);
    let methods = services.filter(|one| one.name() == service).flat_map(|one| &one.method);
    methods.map(|method| (method.name().to_owned(), format!("{service}.{}", method.name()))).collect()
}

#[cfg(test)]
mod tests;
