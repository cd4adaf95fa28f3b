//! The listeners: the API, the operators' and the one for telemetry.

use std::{
    future::ready,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_http::{HttpService, Request, error::DispatchError};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App as Routes,
    dev::{AppConfig, Server, ServerHandle},
    middleware::from_fn,
    rt::net::TcpStream,
    web::{self, Data},
};
use daybook_core::{
    app::App,
    config::{Config, Part},
};
use daybook_projections::workers::Crew;
use tracing::error;

use super::{
    connection::{Connection, Crowd, Guarded, LINGER, Times},
    docs::Documents,
    metrics,
    observe::{Probes, observe},
    route::{self, Route},
    routes,
};

/// Listeners that are up.
pub struct Listeners {
    /// `None`: this process doesn't serve the API.
    pub api: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub telemetry: SocketAddr,
    handles: Vec<ServerHandle>,
}

/// How one listener differs from another.
struct Listener<F> {
    address: SocketAddr,
    workers: usize,
    /// Connections of one worker.
    max_connections: usize,
    routes: F,
}

impl Listeners {
    /// `further` makes the routes of other interfaces, which the API's listener serves beside its own.
    pub fn start(
        config: &Config,
        app: &Arc<App>,
        further: impl Fn() -> Vec<Route> + Clone + Send + 'static,
    ) -> io::Result<Self> {
        metrics::begin();
        let app = &Data::from(Arc::clone(app));
        let mut handles = Vec::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let api = Listener {
            address: config.api_listen,
            workers: cores,
            max_connections: config.http.max_connections.div_ceil(cores),
            routes: move || [routes::api(), further()].into_iter().flatten().collect(),
        };
        let api = match config.has(Part::Api) {
            true => Some(run(&app.crew, api.bind(config, app)?, &mut handles)),
            false => None,
        };
        let admin = Listener {
            address: config.admin_listen,
            workers: 1,
            max_connections: config.http.max_side_connections,
            routes: routes::admin,
        };
        let admin = run(&app.crew, admin.bind(config, app)?, &mut handles);
        let telemetry = Listener {
            address: config.telemetry_listen,
            workers: 1,
            max_connections: config.http.max_side_connections,
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

impl<F: Fn() -> Vec<Route> + Clone + Send + 'static> Listener<F> {
    fn bind(self, config: &Config, app: &Data<App>) -> io::Result<(Server, SocketAddr)> {
        let documents = Data::new(Documents::new(self.routes.clone()));
        let probes = Data::new(Probes(route::probes(&(self.routes)())));
        let (app, times, room) = (app.clone(), Times::of(config), self.max_connections);
        let (keep_alive, client_timeout) = (config.http.keep_alive.get(), config.http.client_timeout.get());
        let service = move || {
            let crowd = Crowd::new(times, room);
            let routes = Routes::new()
                .app_data(app.clone())
                .app_data(documents.clone())
                .app_data(probes.clone())
                .configure(|service| route::serve((self.routes)(), service))
                .default_service(web::to(route::nothing_here))
                .wrap(from_fn(observe));
            // Whether its body is wanted is found out by its route.
            let expect = fn_service(|request: Request| {
                if let Some(connection) = request.conn_data::<Connection>() {
                    connection.waits_to_go_on();
                }
                ready(Ok::<_, actix_http::Error>(request))
            });
            let http = HttpService::build()
                .expect(expect)
                .keep_alive(keep_alive)
                .client_request_timeout(client_timeout)
                .client_disconnect_timeout(LINGER)
                // A client that is gone is not worked for.
                .h1_allow_half_closed(false)
                .on_connect_ext(|stream: &Guarded, data| {
                    data.insert(stream.connection());
                })
                .h1(map_config(routes, |()| AppConfig::default()));
            let guard = fn_service(move |stream: TcpStream| {
                let crowd = crowd.clone();
                async move {
                    let peer = stream.peer_addr().ok();
                    stream.set_nodelay(true).map_err(DispatchError::Io)?;
                    Ok((crowd.guard(stream), peer))
                }
            });
            guard.and_then(http)
        };
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let server = Server::build()
            .workers(self.workers)
            .max_concurrent_connections(self.max_connections)
            .disable_signals()
            .shutdown_timeout(1)
            .listen("http", listener, service)?;
        Ok((server.run(), address))
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
