//! What every call goes through, whatever becomes of it: a name for it, a count and a line in the log.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use daybook_core::{app::App, origin, request_id};
use daybook_migrations::traces::{KeyValue, Span, Trace};
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
const TRACEPARENT: &str = "traceparent";
/// Its calls are probes, of which nothing is recorded.
const HEALTH: &str = "/grpc.health.";

/// What methods are called that there are not.
const OTHER: &str = "other";

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
        let method = self.methods.get(request.uri().path()).map_or(OTHER, String::as_str).to_owned();
        let headers = request.headers();
        let lines = |name| headers.get_all(name).iter().map(|value| value.to_str().ok());
        let first = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_probe = request.uri().path().starts_with(HEALTH);
        let caller = first(TRACEPARENT);
        let mut trace = if is_probe { Trace::of_probe(caller) } else { Trace::of(caller) };
        let call = Call {
            request_id: request_id::of(first(X_REQUEST_ID)),
            traceparent: trace.parent.clone(),
            address: origin::of(peer(request.extensions()).address, &self.app.limits.trusted_proxies, lines),
            started,
            path: request.uri().path().to_owned(),
        };
        request.extensions_mut().insert(call.clone());
        let span = info_span!("call", request_id = call.request_id, trace_id = trace.id());
        let answered = self.inner.call(request).instrument(span.clone());
        Box::pin(async move {
            let mut response = answered.await?;
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
            if let Some(span) = trace.end() {
                describe(span, (method != OTHER).then_some(&call.path), code);
            }
            span.in_scope(|| note(&method, &call, code));
            let named = HeaderValue::from_str(&call.request_id);
            response.headers_mut().insert(X_REQUEST_ID, named.expect("it can be written in a header"));
            Ok(response)
        })
    }
}

/// Counts the call and writes its line in the log. How an answer ends that is a stream is told to its client alone.
fn note(method: &str, call: &Call, code: Code) {
    let code = format!("{code:?}");
    metrics::CALLS.with_label_values(&[method, &code]).inc();
    let seconds = call.started.elapsed().as_secs_f64();
    metrics::CALL_SECONDS.with_label_values(&[method]).observe(seconds);
    let duration_ms = seconds * 1_000.0;
    info!(method, code, duration_ms, address = %call.address, "answered");
}

/// Says what was asked and answered, in the words of OpenTelemetry. `path` is that of a method that there is.
fn describe(mut span: Span, path: Option<&String>, code: Code) {
    let method = path.map_or("_OTHER", |path| path.trim_start_matches('/')).to_owned();
    let code_name = screaming(code);
    span.name(method.clone());
    span.set([
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", method),
        KeyValue::new("rpc.response.status_code", code_name.clone()),
    ]);
    // Those that a server is the cause of.
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.fail(code_name);
    }
}

/// A code as gRPC spells it: `NOT_FOUND`.
fn screaming(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
