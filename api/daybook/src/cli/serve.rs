//! `daybook serve`.

use std::net::SocketAddr;

use daybook_core::{config::Config, entropy::Clock};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tracing::info;

use super::failure::Failure;
use crate::{telemetry, traces, version, wiring};

/// Settings that are often given here; each is over the file's and the environment's.
#[derive(Debug, clap::Args, Serialize)]
pub struct Args {
    /// The parts of this process: api,relay,projections,reactor,publisher,mirror. If it is not given, all but the
    /// publisher and the mirror.
    #[arg(long, value_name = "A,B")]
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    api_listen: Option<SocketAddr>,
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_listen: Option<SocketAddr>,
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    telemetry_listen: Option<SocketAddr>,
}

pub async fn run(config: &Config) -> Result<(), Failure> {
    // A build may have several providers; a client of TLS that names none, as that of NATS, then needs a default.
    let _ = aws_lc_rs::default_provider().install_default();
    telemetry::start(&config.log)?;
    version::tell();
    info!("this is daybook {}", *version::VERSION);
    let spans = traces::start().await?;
    // From here on a signal is a wish to stop, also while we are starting.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = tokio::select! {
        started = wiring::start(config, Clock::System) => started?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    if let Some(api) = running.api {
        info!("the API listens on http://{api}");
    }
    if let Some(door) = running.door {
        info!("the door of EventStoreDB listens on {door}");
    }
    info!("the admin API listens on http://{}, telemetry on http://{}", running.admin, running.telemetry);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping");
    running.stop().await;
    if let Some(spans) = spans {
        spans.stop().await;
    }
    Ok(())
}
