//! What programs ask of a server of gRPC before they know it.

use daybook_grpc::protocol::health::{HealthCheckRequest, health_check_response::ServingStatus};
use daybook_tests::{grpc::Grpc, raw_door, until};
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::door::plain_shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_whether_it_is_ready() {
    let mut app = plain_shop(|_| {}).await;
    let mut health = Grpc::at(app.door(), None).health();
    for service in ["", "daybook.v1.OrderService"] {
        let asked = HealthCheckRequest { service: service.into() };
        until("it serves", async || {
            let answered = health.clone().check(asked.clone()).await.unwrap().into_inner();
            answered.status() == ServingStatus::Serving
        })
        .await;
    }
    let unknown = HealthCheckRequest { service: "other".into() };
    assert_eq!(health.check(unknown.clone()).await.unwrap_err().code(), Code::NotFound);
    let mut watched = health.watch(unknown).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let (told, ()) = tokio::join!(watched.message(), app.stop());
    assert_eq!(told.unwrap().unwrap().status(), ServingStatus::NotServing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_which_services_it_has() {
    let app = plain_shop(|_| {}).await;
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let path = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let answered = raw_door::call_path::<ServerReflectionResponse>(app.door(), path, &[], &asked).await;
    let Some(MessageResponse::ListServicesResponse(list)) = &answered.messages[0].message_response else {
        panic!("{:?}", answered.messages)
    };
    let mut names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "daybook.v1.CatalogService",
            "daybook.v1.EventService",
            "daybook.v1.OrderService",
            "daybook.v1.StockService",
            "daybook.v1.TaxService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
        ]
    );
}
