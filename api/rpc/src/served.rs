//! What the listener serves.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use tonic::{
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
    server::NamedService,
    service::Routes,
};

/// The services of all interfaces.
#[derive(Default)]
pub struct Served {
    pub(crate) routes: Routes,
    /// What methods are called in the log and in metrics, by their paths.
    pub(crate) methods: BTreeMap<String, String>,
    names: BTreeSet<&'static str>,
}

impl Served {
    /// Adds a service. `methods` has the name of each of its methods, and what it is called in the log and in metrics.
    #[must_use]
    pub fn with<S>(mut self, service: S, methods: impl IntoIterator<Item = (String, String)>) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        assert!(self.names.insert(S::NAME), "{} is served twice", S::NAME);
        let path = |(method, called): (String, String)| (format!("/{}/{method}", S::NAME), called);
        self.methods.extend(methods.into_iter().map(path));
        self.routes = self.routes.add_service(service);
        self
    }
}
