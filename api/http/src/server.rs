//! The listeners: the API, the operators' and the one for telemetry.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App as Routes, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::{self, Data},
};
use daybook_core::{
    app::App,
    config::{Config, Part},
};
use daybook_projections::workers::Crew;
use tracing::error;

use super::{
    docs::Documents,
    observe::{Probes, observe},
    openapi,
    route::{self, Route},
    routes,
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
    routes: fn() -> Vec<Route>,
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
    pub fn start(config: &Config, app: &Arc<App>) -> io::Result<Self> {
        let app = &Data::from(Arc::clone(app));
        let mut handles = Vec::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let api = Listener {
            address: config.api_listen,
            workers: cores,
            max_connections: config.http.max_connections.div_ceil(cores),
            routes: routes::api,
        };
        let api = match config.has(Part::Api) {
            true => Some(run(&app.crew, api.bind(config, app)?, &mut handles)),
            false => None,
        };
        let admin = Listener {
            address: config.admin_listen,
            workers: 1,
            max_connections: SIDE_CONNECTIONS,
            routes: routes::admin,
        };
        let admin = run(&app.crew, admin.bind(config, app)?, &mut handles);
        let telemetry = Listener {
            address: config.telemetry_listen,
            workers: 1,
            max_connections: SIDE_CONNECTIONS,
            routes: routes::telemetry,
        };
        let telemetry = run(&app.crew, telemetry.bind(config, app)?, &mut handles);
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
        let routes = (self.routes)();
        let documents = Data::new(Documents::new(&openapi::document(&routes)));
        let probes = Data::new(Probes(route::probes(&routes)));
        let app = app.clone();
        let server = HttpServer::new(move || {
            Routes::new()
                .app_data(app.clone())
                .app_data(documents.clone())
                .app_data(probes.clone())
                .configure(|service| route::serve((self.routes)(), service))
                .default_service(web::to(route::nothing_here))
                .wrap(from_fn(observe))
        });
        let server = server.workers(self.workers).max_connections(self.max_connections);
        bind!(server, self.address, config)
    }
}

fn run(crew: &Crew, (server, address): (Server, SocketAddr), handles: &mut Vec<ServerHandle>) -> SocketAddr {
    handles.push(server.handle());
    crew.run("listener", async move {
        if let Err(error) = server.await {
            error!(%error, %address, "a listener broke");
        }
    });
    address
}
