//! Settings: one flat table, from defaults, `daybook.toml`, `DAYBOOK_*` variables and flags, each
//! over the one before. A name that nobody knows is an error, because it is a typing mistake.

mod bounds;
mod part;
mod secret;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use daybook_commands::CommitterSettings;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

pub use part::Part;
pub use secret::{Secret, SecretUrl};

/// Every setting. Names are the same in the file, in upper case after `DAYBOOK_` and in `daybook config`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub environment: Environment,
    /// Where development keys and mails lie.
    pub home: PathBuf,
    /// As the role that may read the log and append to it.
    pub database_url: SecretUrl,
    /// As the owner of the database. Without it: `database_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrate_database_url: Option<SecretUrl>,
    pub nats_url: SecretUrl,
    pub stream_name: String,
    pub subject_prefix: String,

    pub api_listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub telemetry_listen: SocketAddr,
    /// What this process does.
    #[serde(deserialize_with = "part::parts")]
    pub roles: Vec<Part>,

    /// Without it, mails are written to `mail_dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_url: Option<SecretUrl>,
    pub mail_from: String,
    /// Default: `mail` in `home`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_dir: Option<PathBuf>,

    /// Wraps the keys of persons: 32 bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<Secret>,
    /// PKCS#8 PEM, Ed25519.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key_file: Option<PathBuf>,
    pub token_issuer: String,
    pub token_audience: String,
    /// Keys of another issuer, whose tokens are then the ones that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,

    pub log_format: LogFormat,
    /// As `tracing_subscriber::EnvFilter` reads it.
    pub log_filter: String,

    pub max_body_bytes: usize,
    /// Of the API listener.
    pub max_connections: usize,
    /// Requests in work at the same time; more are turned away.
    pub max_in_flight: usize,
    /// Clients that follow the log at the same time; more are turned away.
    pub max_live_streams: usize,
    pub max_live_streams_per_subject: usize,
    /// After so long without an event, a sign of life.
    pub live_heartbeat_ms: u64,
    /// How long a client may take to send the head of a request, and then its body.
    pub client_timeout_ms: u64,
    pub keep_alive_s: u64,
    /// Deadline of a request that names none.
    pub request_timeout_ms: u64,
    /// The longest deadline that a request may name.
    pub max_request_timeout_ms: u64,
    pub subject_rate_per_s: u32,
    pub subject_burst: u32,
    /// Of requests without a token, by address.
    pub address_rate_per_s: u32,
    pub address_burst: u32,
    /// Of invalid tokens, by address.
    pub invalid_token_rate_per_s: u32,
    pub invalid_token_burst: u32,
    /// Connections of the queries.
    pub query_connections: u32,
    /// Connections of the command side, beside the one that appends.
    pub command_connections: u32,
    /// Connections of relay, projections and reactor.
    pub downstream_connections: u32,
    pub acquire_timeout_ms: u64,
    /// How long the start waits for a database that is away.
    pub start_timeout_s: u64,
    /// How long requests in work may take to finish after SIGTERM.
    pub shutdown_grace_s: u64,
    /// Ready-made answers kept in memory.
    pub cache_bytes: u64,
    /// Commands that wait for their answer; beyond that they are turned away.
    pub max_queued_commands: usize,
    pub max_queued_bytes: usize,
    /// Commands that are appended together.
    pub max_batch_commands: usize,
    pub max_batch_events: usize,
    /// States of streams kept in memory, and their size.
    pub working_set_streams: NonZeroUsize,
    pub working_set_bytes: usize,
    /// After which the connection of an append, or of loading streams for one, is given up, and how long
    /// the outcome of an append is looked for then.
    pub append_timeout_ms: u64,
    pub resolve_timeout_ms: u64,
    /// Workers that share the streams of a read model, on as many processes as there are; each has a
    /// connection of its own, and one more for the previous generation. Counts for what is made from now on:
    /// a rebuild changes a read model that is there.
    pub projection_partitions: usize,
    /// Events that a projection applies together, and the least time between two such batches.
    pub projection_batch_events: usize,
    pub projection_batch_interval_ms: u64,
    /// The pause between two looks of the auditor, and the rows that it compares at a look.
    pub audit_interval_ms: u64,
    pub audit_rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Development,
    Production,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Pretty,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Boxed, because it is large.
    #[error("{0}")]
    Unreadable(Box<figment::Error>),
    #[error("there is no setting {name}")]
    Unknown { name: String },
    #[error("setting {name}: {problem}")]
    Invalid { name: &'static str, problem: String },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let place = error.metadata.as_ref().map_or("", |metadata| &metadata.name);
        match &error.kind {
            figment::error::Kind::UnknownField(name, _) => match place.contains("environment") {
                true => Self::Unknown { name: format!("DAYBOOK_{}", name.to_uppercase()) },
                false => Self::Unknown { name: format!("{name} ({place})") },
            },
            _ => Self::Unreadable(Box::new(error)),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let committer = CommitterSettings::default();
        Self {
            environment: Environment::Development,
            home: ".daybook".into(),
            database_url: "postgres://daybook_app@127.0.0.1:5432/daybook".into(),
            migrate_database_url: None,
            nats_url: "nats://127.0.0.1:4222".into(),
            stream_name: "DAYBOOK".into(),
            subject_prefix: "daybook".into(),
            api_listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            telemetry_listen: SocketAddr::from(([127, 0, 0, 1], 8082)),
            roles: Part::ALL.to_vec(),
            smtp_url: None,
            mail_from: "Daybook <orders@localhost>".into(),
            mail_dir: None,
            master_key: None,
            signing_key_file: None,
            token_issuer: "daybook".into(),
            token_audience: "daybook".into(),
            jwks_url: None,
            log_format: LogFormat::Pretty,
            // Of the protocol's own layer, every line is some client's mistake.
            log_filter: "info,actix_server=warn,actix_http=off,async_nats=warn".into(),
            max_body_bytes: 1 << 20,
            max_connections: 10_000,
            max_in_flight: 4_096,
            max_live_streams: 256,
            max_live_streams_per_subject: 16,
            live_heartbeat_ms: 15_000,
            client_timeout_ms: 10_000,
            keep_alive_s: 75,
            request_timeout_ms: 10_000,
            max_request_timeout_ms: 30_000,
            subject_rate_per_s: 1_000,
            subject_burst: 2_000,
            address_rate_per_s: 200,
            address_burst: 400,
            invalid_token_rate_per_s: 10,
            invalid_token_burst: 50,
            query_connections: 10,
            command_connections: 4,
            downstream_connections: 12,
            acquire_timeout_ms: 3_000,
            start_timeout_s: 30,
            shutdown_grace_s: 20,
            cache_bytes: 256 << 20,
            max_queued_commands: committer.max_queued_commands,
            max_queued_bytes: committer.max_queued_bytes,
            max_batch_commands: committer.max_batch_commands,
            max_batch_events: committer.max_batch_events,
            working_set_streams: committer.working_set_streams,
            working_set_bytes: committer.working_set_bytes,
            append_timeout_ms: committer.append_timeout_ms,
            resolve_timeout_ms: committer.resolve_timeout_ms,
            projection_partitions: 1,
            projection_batch_events: 1_000,
            projection_batch_interval_ms: 5,
            audit_interval_ms: 5_000,
            audit_rows: 2_000,
        }
    }
}

impl Config {
    /// The settings of the file (if it is there, or was named), of the environment, and of `flags`:
    /// an object of those that were given on the command line.
    pub fn load(file: Option<&Path>, flags: &impl Serialize) -> Result<Self, ConfigError> {
        let toml = match file {
            Some(named) => Toml::file_exact(named),
            None => Toml::file("daybook.toml"),
        };
        Self::from(&Figment::from(toml).merge(Env::prefixed("DAYBOOK_")).merge(Serialized::defaults(flags)))
    }

    fn from(figment: &Figment) -> Result<Self, ConfigError> {
        let config: Self = figment.extract().map_err(ConfigError::from)?;
        config.check()?;
        Ok(config)
    }

    pub fn has(&self, part: Part) -> bool {
        self.roles.contains(&part)
    }

    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    pub fn mail_dir(&self) -> PathBuf {
        self.mail_dir.clone().unwrap_or_else(|| self.home.join("mail"))
    }

    pub fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub fn committer_settings(&self) -> CommitterSettings {
        CommitterSettings {
            max_queued_commands: self.max_queued_commands,
            max_queued_bytes: self.max_queued_bytes,
            max_batch_commands: self.max_batch_commands,
            max_batch_events: self.max_batch_events,
            working_set_streams: self.working_set_streams,
            working_set_bytes: self.working_set_bytes,
            append_timeout_ms: self.append_timeout_ms,
            resolve_timeout_ms: self.resolve_timeout_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Config, ConfigError> {
        Config::from(&Figment::from(Toml::string(text)))
    }

    fn refusal(text: &str) -> String {
        from_toml(text).expect_err("not valid").to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        from_toml("").expect("valid");
    }

    #[test]
    fn a_name_that_nobody_knows_is_refused_and_named() {
        assert!(refusal("databse_url = 'x'").contains("databse_url"));
    }

    #[test]
    fn the_committer_is_set_like_everything_else() {
        let config = from_toml("max_batch_commands = 64\nappend_timeout_ms = 2000").expect("valid");
        let settings = config.committer_settings();
        assert_eq!((settings.max_batch_commands, settings.append_timeout_ms), (64, 2_000));
        assert!(refusal("max_queued_bytes = 2000000").contains("max_queued_bytes"), "less than four bodies");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_with_its_bounds() {
        let refusal = refusal("max_body_bytes = 1");
        assert!(refusal.contains("max_body_bytes") && refusal.contains("1024"), "{refusal}");
    }

    #[test]
    fn production_needs_keys() {
        assert!(refusal("environment = 'production'").contains("signing_key_file"));
        let with_key = "environment = 'production'\nsigning_key_file = 'key.pem'";
        assert!(refusal(with_key).contains("master_key"));
        let with_both = format!("{with_key}\nmaster_key = 'c2VjcmV0'");
        assert!(from_toml(&with_both).is_ok());
    }

    #[test]
    fn roles_are_a_list_or_text() {
        assert_eq!(from_toml("roles = 'api, relay'").expect("valid").roles, [Part::Api, Part::Relay]);
        assert_eq!(from_toml("roles = ['reactor']").expect("valid").roles, [Part::Reactor]);
        assert!(refusal("roles = 'apy'").contains("apy"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = from_toml("master_key = 'hunter2'\ndatabase_url = 'postgres://a:hunter2@db/d'");
        let shown = toml::to_string(&config.expect("valid")).expect("serializes");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("master_key"), "{shown}");
    }
}
