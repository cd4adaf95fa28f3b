//! Whether this server is ready, for programs that watch over it. They need no token.

use std::{pin::Pin, sync::Arc, time::Duration};

use daybook_core::app::App;
use futures::{Stream, stream};
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use crate::protocol::health::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
};

/// How often it is looked for those who watch.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub struct Health {
    pub app: Arc<App>,
    /// By their whole names. The server itself has the name "".
    pub services: Vec<String>,
}

impl Health {
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.iter().any(|one| one == service)
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("there is no such service"));
        }
        Ok(Response::new(answer(status(&self.app).await)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !self.knows(&request.get_ref().service) {
            let unknown = stream::iter([Ok(answer(ServingStatus::ServiceUnknown))]);
            return Ok(Response::new(Box::pin(unknown)));
        }
        let told = stream::unfold((Arc::clone(&self.app), None), |(app, last)| async move {
            let mut draining = app.traffic.draining();
            loop {
                let now = status(&app).await;
                if last != Some(now) {
                    return Some((Ok(answer(now)), (app, Some(now))));
                }
                if *draining.borrow() {
                    return None;
                }
                let _ = timeout(LOOK_EVERY, draining.changed()).await;
            }
        });
        Ok(Response::new(Box::pin(told)))
    }
}

async fn status(app: &App) -> ServingStatus {
    if app.health.look().await.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
