//! What programs that watch over this process ask: is it alive, can it do its work, how much has it done?

use actix_web::{HttpResponse, http::StatusCode};
use daybook_core::health::{Readiness, cpu_seconds};
use prometheus::proto::{Counter, MetricFamily};

use crate::{
    about::{About, Kind},
    answer::{self, Answer},
    arrived::{Arrived, NoQuery},
    problem::Problem,
    route::{Door, JSON, Route, other},
};

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Alive {
    status: AliveState,
}

daybook_domain::words! {
    /// A process that can't say so says nothing.
    enum AliveState {
        Ok = "ok",
    }
}

daybook_domain::schema_of_words!(AliveState);

pub fn routes() -> Vec<Route> {
    let alive =
        About::new("liveness.check", "/healthz", "Is the process alive?", Kind::Probe).answer::<Alive>(200);
    let ready = About::new(
        "readiness.check",
        "/readyz",
        "Can the process do its work? 503 if it can't.",
        Kind::Probe,
    )
    .answer::<Readiness>(200)
    .answer::<Readiness>(503);
    vec![
        other("/healthz", Door::Probe, JSON, alive, |_, (), NoQuery {}| async {
            Ok(answer::json(&Alive { status: AliveState::Ok }))
        }),
        other("/readyz", Door::Probe, JSON, ready, |arrived, (), NoQuery {}| is_ready(arrived)),
    ]
}

pub fn metrics() -> Vec<Route> {
    let about = About::new("metrics", "/metrics", "Counts and gauges for Prometheus.", Kind::Probe)
        .answer_text(prometheus::TEXT_FORMAT, "# TYPE daybook_commands_total counter\n");
    let forms = &["text/plain"];
    vec![other("/metrics", Door::Probe, forms, about, |arrived, (), NoQuery {}| show_metrics(arrived))]
}

async fn is_ready(arrived: Arrived) -> Answer {
    let readiness = arrived.app.health.look().await;
    let mut response = answer::json(&readiness);
    if !readiness.is_ready() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// The crate counts whole seconds of it, which says nothing of a process that is young or has little to do.
fn tell_cpu_time(families: &mut [MetricFamily]) {
    let Some(family) = families.iter_mut().find(|family| family.name() == "process_cpu_seconds_total") else {
        return;
    };
    let Some(seconds) = cpu_seconds() else { return };
    for metric in family.mut_metric() {
        let mut counter = Counter::default();
        counter.set_value(seconds);
        metric.set_counter(counter);
    }
}

async fn show_metrics(arrived: Arrived) -> Answer {
    arrived.app.health.measure().await;
    let mut families = prometheus::gather();
    tell_cpu_time(&mut families);
    let text = prometheus::TextEncoder::new().encode_to_string(&families).map_err(|error| {
        tracing::error!(%error, "cannot write the metrics");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text))
}
