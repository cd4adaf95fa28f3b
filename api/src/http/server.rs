//! The listeners: the API, the operators' and the one for telemetry.

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App as Routes, HttpResponse, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};
use prometheus::TextEncoder;
use tracing::error;

use super::{
    admin,
    docs::{self, Documents},
    endpoint::{self, Endpoint},
    health,
    observe::observe,
    openapi, problem, routes,
};
use crate::{
    app::App,
    config::{Config, Part},
    metrics, tasks,
};

/// How long an idle connection may take to say goodbye.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Operators and monitors are few.
const SIDE_CONNECTIONS: usize = 256;

/// Listeners that are up.
pub struct Listeners {
    /// `None`: this process doesn't serve the API.
    pub api: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub telemetry: SocketAddr,
    handles: Vec<ServerHandle>,
}

/// How one listener differs from another.
struct Listener {
    address: SocketAddr,
    workers: usize,
    max_connections: usize,
    endpoints: fn() -> Vec<Endpoint>,
}

/// What is the same for every listener. A macro, because the type of a server can't be written down.
macro_rules! bind {
    ($server:expr, $address:expr, $config:expr) => {{
        let server = $server
            .disable_signals()
            .keep_alive($config.http.keep_alive.get())
            .client_request_timeout($config.http.client_timeout.get())
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .shutdown_timeout(1)
            .tcp_nodelay(true)
            .bind($address)?;
        let address = server.addrs().first().copied().unwrap_or($address);
        Ok((server.run(), address))
    }};
}

impl Listeners {
    pub fn start(config: &Config, app: &Data<App>) -> io::Result<Self> {
        let mut handles = Vec::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let api = Listener {
            address: config.api_listen,
            workers: cores,
            max_connections: config.http.max_connections.div_ceil(cores),
            endpoints: routes::endpoints,
        };
        let api = match config.has(Part::Api) {
            true => Some(run(api.bind(config, app)?, &mut handles)),
            false => None,
        };
        let admin = Listener {
            address: config.admin_listen,
            workers: 1,
            max_connections: SIDE_CONNECTIONS,
            endpoints: admin::endpoints,
        };
        let admin = run(admin.bind(config, app)?, &mut handles);
        let telemetry = run(bind_telemetry(config, app)?, &mut handles);
        Ok(Self { api, admin, telemetry, handles })
    }

    /// Closes every listener and connection, at once.
    pub async fn stop(&self) {
        for handle in &self.handles {
            handle.stop(false).await;
        }
    }
}

impl Listener {
    fn bind(self, config: &Config, app: &Data<App>) -> io::Result<(Server, SocketAddr)> {
        let documents = Data::new(Documents::new(&openapi::document((self.endpoints)())));
        let app = app.clone();
        let endpoints = self.endpoints;
        let server = HttpServer::new(move || {
            let register = |routes: &mut ServiceConfig| {
                endpoint::serve(endpoints(), routes);
                pages(routes);
                probes(routes);
            };
            Routes::new()
                .app_data(app.clone())
                .app_data(documents.clone())
                .configure(register)
                .default_service(web::to(endpoint::nothing_here))
                .wrap(from_fn(observe))
        });
        let server = server.workers(self.workers).max_connections(self.max_connections);
        bind!(server, self.address, config)
    }
}

fn pages(routes: &mut ServiceConfig) {
    routes
        .route("/openapi.json", web::get().to(docs::openapi))
        .route("/docs", web::get().to(docs::page))
        .route("/problems/{code}", web::get().to(problem::page));
}

fn probes(routes: &mut ServiceConfig) {
    routes.route("/healthz", web::get().to(health::alive)).route("/readyz", web::get().to(health::ready));
}

/// Without token, limit or log line.
fn bind_telemetry(config: &Config, app: &Data<App>) -> io::Result<(Server, SocketAddr)> {
    let app = app.clone();
    let server = HttpServer::new(move || {
        Routes::new().app_data(app.clone()).configure(probes).route("/metrics", web::get().to(show_metrics))
    });
    let server = server.workers(1).max_connections(SIDE_CONNECTIONS);
    bind!(server, config.telemetry_listen, config)
}

async fn show_metrics(app: Data<App>) -> HttpResponse {
    metrics::measure_pool("queries", &app.pool);
    metrics::measure_pool("commands", &app.command_pool);
    match TextEncoder::new().encode_to_string(&prometheus::gather()) {
        Ok(text) => HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text),
        Err(error) => {
            error!(%error, "cannot write the metrics");
            HttpResponse::InternalServerError().finish()
        }
    }
}
fn run((server, address): (Server, SocketAddr), handles: &mut Vec<ServerHandle>) -> SocketAddr {
    handles.push(server.handle());
    tasks::spawn("listener", async move {
        if let Err(error) = server.await {
            error!(%error, %address, "a listener broke");
        }
    });
    address
}
