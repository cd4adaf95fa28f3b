//! What every request goes through, whatever becomes of it: a name for it, a count and a line in the
//! log, and the headers that every answer has.

use std::{
    net::{IpAddr, Ipv4Addr},
    panic::AssertUnwindSafe,
    time::Instant,
};

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{ConnectionType, Method, StatusCode},
    middleware::Next,
    web,
};
use daybook_core::{app::App, audit, limits::Budget, origin};
use daybook_domain::code::Kind;
use daybook_migrations::traces::{KeyValue, Span, Trace};
use futures::FutureExt;
use tracing::{Instrument, error, info, info_span, warn};

use super::{
    connection::Connection,
    context::{self, RequestContext},
    gate, limits, metrics, pages,
    problem::Problem,
    security,
};

/// What is noted of a request before it is handed on.
struct Noted {
    started: Instant,
    request_id: String,
    trace: Trace,
    method: Method,
    path: String,
    /// Where it comes from.
    address: IpAddr,
    is_probe: bool,
    /// Whether its problems are shown as pages.
    is_page: bool,
}

/// The paths of this listener that programs watch over this process with: they need no token, have no limit, are
/// always answered and leave no line in the log.
pub struct Probes(pub Vec<&'static str>);

/// The middleware of every listener.
pub async fn observe(
    app: web::Data<App>,
    probes: web::Data<Probes>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A connection that is gone already has no address any more.
    let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let is_probe = probes.0.contains(&request.path());
    let caller = context::traceparent(request.headers());
    let mut noted = Noted {
        started: Instant::now(),
        request_id: context::request_id(request.headers()),
        trace: if is_probe { Trace::of_probe(caller) } else { Trace::of(caller) },
        method: request.method().clone(),
        address: origin::of(peer, &app.limits.trusted_proxies, |name| {
            request.headers().get_all(name).map(|value| value.to_str().ok())
        }),
        is_probe,
        is_page: pages::is_for(request.path(), request.headers()),
        path: request.path().to_owned(),
    };
    let span = info_span!("request", request_id = noted.request_id, trace_id = noted.trace.id());
    let connection = request.conn_data::<Connection>().cloned();
    if let Some(connection) = &connection {
        connection.begin(!matches!(request.parts().1, Payload::None));
    }
    let handled = handle(&app, &noted, request, next).instrument(span.clone());
    // A handler that panics must not take the connection's other requests with it.
    let outcome = AssertUnwindSafe(handled).catch_unwind().await;
    let _entered = span.entered();
    let failure = match outcome {
        Ok(Ok(mut response)) => {
            let route = response.request().match_pattern();
            noted.finish(route.as_deref(), response.status());
            security::add_headers(response.headers_mut(), &noted.request_id);
            return Ok(send(&app, connection, response));
        }
        Ok(Err(error)) => noted.fail(&Problem::of(&error)),
        Err(_) => {
            metrics::PANICS.inc();
            error!(method = %noted.method, path = noted.path, "the handler panicked");
            noted.fail(&Problem::internal())
        }
    };
    if let Some(connection) = connection {
        connection.end_request();
    }
    Err(failure)
}

/// Tells the connection what becomes of it with this answer.
fn send(
    app: &App,
    connection: Option<Connection>,
    mut response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let Some(connection) = connection else { return response };
    if app.traffic.is_draining() || connection.has_unread_body() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response.map_body(|_, body| connection.answer(body))
}

async fn handle(
    app: &App,
    noted: &Noted,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (_in_flight, in_flight) = app.traffic.enter();
    let (budget, subject) = match enter(app, noted, &request, in_flight).await {
        Ok(entered) => entered,
        Err(problem) => return Ok(request.into_response(noted.render(&problem))),
    };
    let response = next.call(request).await?;
    let mut response = match response.response().error() {
        None => response,
        Some(error) => {
            let problem = Problem::of(error).into_owned();
            if problem.code().kind() == Kind::Forbidden {
                let route = response.request().match_pattern().unwrap_or_default();
                note_refusal(app, noted, subject, &route);
            }
            response.into_response(noted.render(&problem))
        }
    };
    // What a refusal says of a narrower budget stands.
    if let Some(budget) = budget
        && !response.headers().contains_key(&limits::RATE_LIMIT)
    {
        limits::tell(budget, response.headers_mut());
    }
    Ok(response)
}

/// Lets the request in and leaves its context with it.
async fn enter(
    app: &App,
    noted: &Noted,
    request: &ServiceRequest,
    in_flight: usize,
) -> Result<(Option<Budget>, Option<String>), Problem> {
    gate::refuse_stray_token(app, request, noted.address)?;
    let admitted = if noted.is_probe {
        gate::Admitted { actor: None, budget: None }
    } else {
        gate::admit(app, request, noted.address, in_flight).await?
    };
    let limits = &app.limits;
    let deadline = context::deadline(
        request.headers(),
        noted.started,
        limits.request_timeout.as_millis(),
        limits.max_request_timeout.as_millis(),
    )?;
    let subject = admitted.actor.as_ref().map(|actor| actor.subject.clone());
    context::leave(
        request,
        RequestContext {
            request_id: noted.request_id.clone(),
            traceparent: noted.trace.parent.clone(),
            address: noted.address,
            deadline,
            actor: admitted.actor,
        },
    );
    Ok((admitted.budget, subject))
}

fn note_refusal(app: &App, noted: &Noted, subject: Option<String>, route: &str) {
    app.audit.refused(audit::Entry {
        actor: subject.unwrap_or_default(),
        action: format!("{} {route}", method_label(&noted.method)),
        target: noted.path.clone(),
        outcome: "forbidden",
        reason: None,
        request_id: noted.request_id.clone(),
        address: noted.address,
    });
}

impl Noted {
    fn render(&self, problem: &Problem) -> HttpResponse {
        if self.is_page {
            pages::of_problem(problem, &self.request_id)
        } else {
            problem.render(&self.path, &self.request_id, Some(self.trace.id()))
        }
    }

    /// Counts the request, ends its span, and writes its line in the log.
    fn finish(&mut self, route: Option<&str>, status: StatusCode) {
        let elapsed = self.started.elapsed();
        // A method that the route doesn't have is the client's choice, so it is counted as no route.
        let route = route.filter(|_| status != StatusCode::METHOD_NOT_ALLOWED);
        if let Some(span) = self.trace.end() {
            describe(span, &self.method, route, status);
        }
        let (route, method) = (route.unwrap_or("none"), method_label(&self.method));
        metrics::REQUEST_SECONDS
            .with_label_values(&[route, method, status.as_str()])
            .observe(elapsed.as_secs_f64());
        let (status, duration_ms) = (status.as_u16(), elapsed.as_secs_f64() * 1_000.0);
        if self.is_probe {
            return;
        }
        let address = self.address;
        if status >= 500 {
            warn!(method, route, status, duration_ms, %address, "answered");
        } else {
            info!(method, route, status, duration_ms, %address, "answered");
        }
    }

    /// An answer where there is no request left to answer to.
    fn fail(&mut self, problem: &Problem) -> Error {
        self.finish(None, problem.status_code());
        let mut response = self.render(problem);
        security::add_headers(response.headers_mut(), &self.request_id);
        actix_web::error::InternalError::from_response(problem.to_string(), response).into()
    }
}

/// Says what was asked and answered, in the words of OpenTelemetry: the route, and not the path, which names things.
fn describe(mut span: Span, method: &Method, route: Option<&str>, status: StatusCode) {
    let method = match method_label(method) {
        "other" => "_OTHER",
        method => method,
    };
    span.set([
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ]);
    span.set(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    // What has no method of the standard is called HTTP.
    let called = if method == "_OTHER" { "HTTP" } else { method };
    span.name(route.map_or_else(|| called.to_owned(), |route| format!("{called} {route}")));
    if status.is_server_error() {
        span.fail(status.as_u16().to_string());
    }
}

/// Methods are the client's choice, labels are not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
