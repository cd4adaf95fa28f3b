//! What a setting may be.

use std::fmt;

use super::{Config, ConfigError};

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_bounds()?;
        let name_of_stream = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
        };
        for (name, value) in [("stream_name", &self.stream_name), ("subject_prefix", &self.subject_prefix)] {
            require(name, name_of_stream(value), "has 1 to 64 characters of A-Z a-z 0-9 _ -")?;
        }
        require(
            "roles",
            !self.roles.is_empty(),
            "names at least one of api, relay, projections, reactor, publisher",
        )?;
        for (name, value) in [("token_issuer", &self.token_issuer), ("token_audience", &self.token_audience)]
        {
            require(name, !value.is_empty(), "may not be empty")?;
        }
        if let Some(url) = &self.jwks_url {
            let safe = url.starts_with("https://") || (!self.is_production() && url.starts_with("http://"));
            require("jwks_url", safe, "is an https URL")?;
        }
        if self.is_production() {
            let has_key = self.signing_key_file.is_some() || self.jwks_url.is_some();
            require("signing_key_file", has_key, "is required outside development, unless jwks_url is set")?;
            require("master_key", self.master_key.is_some(), "is required outside development")?;
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        bounded("max_body_bytes", self.max_body_bytes, 1_024, 16 << 20)?;
        bounded("max_connections", self.max_connections, 1, 1_000_000)?;
        bounded("max_in_flight", self.max_in_flight, 1, 1_000_000)?;
        bounded("max_live_streams", self.max_live_streams, 1, 100_000)?;
        bounded("max_live_streams_per_subject", self.max_live_streams_per_subject, 1, 100_000)?;
        bounded("live_heartbeat_ms", self.live_heartbeat_ms, 100, 60_000)?;
        bounded("client_timeout_ms", self.client_timeout_ms, 100, 120_000)?;
        bounded("keep_alive_s", self.keep_alive_s, 1, 3_600)?;
        bounded("max_request_timeout_ms", self.max_request_timeout_ms, 100, 300_000)?;
        bounded("request_timeout_ms", self.request_timeout_ms, 100, self.max_request_timeout_ms)?;
        bounded("subject_rate_per_s", self.subject_rate_per_s, 1, 1_000_000)?;
        bounded("subject_burst", self.subject_burst, 1, 1_000_000)?;
        bounded("address_rate_per_s", self.address_rate_per_s, 1, 1_000_000)?;
        bounded("address_burst", self.address_burst, 1, 1_000_000)?;
        bounded("invalid_token_rate_per_s", self.invalid_token_rate_per_s, 1, 1_000_000)?;
        bounded("invalid_token_burst", self.invalid_token_burst, 1, 1_000_000)?;
        bounded("query_connections", self.query_connections, 1, 1_000)?;
        bounded("command_connections", self.command_connections, 1, 1_000)?;
        bounded("downstream_connections", self.downstream_connections, 4, 1_000)?;
        bounded("acquire_timeout_ms", self.acquire_timeout_ms, 10, 60_000)?;
        bounded("start_timeout_s", self.start_timeout_s, 0, 3_600)?;
        bounded("shutdown_grace_s", self.shutdown_grace_s, 0, 600)?;
        bounded("cache_bytes", self.cache_bytes, 0, 1 << 40)?;
        self.check_batches()
    }

    fn check_batches(&self) -> Result<(), ConfigError> {
        bounded("max_queued_commands", self.max_queued_commands, 1, 1_000_000)?;
        // One request of the largest size must find room.
        bounded("max_queued_bytes", self.max_queued_bytes, 4 * self.max_body_bytes, 16 << 30)?;
        bounded("max_batch_commands", self.max_batch_commands, 1, 10_000)?;
        bounded("max_batch_events", self.max_batch_events, 1, 100_000)?;
        bounded("working_set_streams", self.working_set_streams.get(), 1_000, 100_000_000)?;
        bounded("working_set_bytes", self.working_set_bytes, 1 << 20, 1 << 40)?;
        bounded("append_timeout_ms", self.append_timeout_ms, 100, 300_000)?;
        bounded("resolve_timeout_ms", self.resolve_timeout_ms, 100, 300_000)?;
        bounded("projection_partitions", self.projection_partitions, 1, 64)?;
        bounded("projection_batch_events", self.projection_batch_events, 1, 10_000)?;
        bounded("projection_batch_interval_ms", self.projection_batch_interval_ms, 0, 10_000)?;
        bounded("audit_interval_ms", self.audit_interval_ms, 10, 3_600_000)?;
        bounded("audit_rows", self.audit_rows, 1, 100_000)
    }
}

fn require(name: &'static str, holds: bool, problem: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Invalid { name, problem: problem.to_owned() }) }
}

fn bounded<N: PartialOrd + Copy + fmt::Display>(
    name: &'static str,
    value: N,
    least: N,
    most: N,
) -> Result<(), ConfigError> {
    let holds = least <= value && value <= most;
    require(name, holds, &format!("is {value}; allowed is {least} to {most}"))
}
