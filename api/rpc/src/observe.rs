//! What every call goes through, whatever becomes of it: a name for it, a count and a line in the log.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use daybook_core::{app::App, origin, request_id};
use futures::future::BoxFuture;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Service,
        http::{HeaderValue, Request, Response},
    },
};
use tracing::{Instrument, info, info_span};

use crate::{
    caller::{Call, peer},
    metrics,
};

const X_REQUEST_ID: &str = "x-request-id";

/// A service whose calls are observed.
#[derive(Clone)]
pub struct Observed<S> {
    pub app: Arc<App>,
    /// What methods are called, by their paths.
    pub methods: Arc<BTreeMap<String, String>>,
    pub inner: S,
}

impl<S, B> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        // Paths are the client's choice, labels are not.
        let method = self.methods.get(request.uri().path()).map_or("other", String::as_str).to_owned();
        let headers = request.headers();
        let lines = |name| headers.get_all(name).iter().map(|value| value.to_str().ok());
        let call = Call {
            request_id: request_id::of(headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok())),
            address: origin::of(peer(request.extensions()).address, &self.app.limits.trusted_proxies, lines),
            started,
            path: request.uri().path().to_owned(),
        };
        request.extensions_mut().insert(call.clone());
        let span = info_span!("call", request_id = call.request_id);
        let answered = self.inner.call(request).instrument(span.clone());
        Box::pin(async move {
            let mut response = answered.await?;
            span.in_scope(|| note(&method, &call, &response));
            let named = HeaderValue::from_str(&call.request_id);
            response.headers_mut().insert(X_REQUEST_ID, named.expect("it can be written in a header"));
            Ok(response)
        })
    }
}

/// Counts the call and writes its line in the log. How an answer ends that is a stream is told to its client alone.
fn note<B>(method: &str, call: &Call, response: &Response<B>) {
    let status = Status::from_header_map(response.headers());
    let code = format!("{:?}", status.map_or(Code::Ok, |status| status.code()));
    metrics::CALLS.with_label_values(&[method, &code]).inc();
    let duration_ms = call.started.elapsed().as_secs_f64() * 1_000.0;
    info!(method, code, duration_ms, address = %call.address, "answered");
}
