//! Settings, from defaults, `daybook.toml`, `DAYBOOK_*` variables and flags, each over the one before. A name
//! that is not there is an error, because it is a typing mistake.
//!
//! A group belongs to the crate that uses it; those of this crate are in the folder beside this file.

mod door;
mod error;
pub mod former;
mod http;
mod identity;
mod mirror;
mod networks;
mod part;
mod process;
mod provider;
mod reference;
mod secret;
mod written;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use daybook_domain::settings::{Group, Invalid, any, list, one_of};
use daybook_projections::settings::{
    Background, Cache, Effects, Nats, Projections, Proof, PublicStream, Queries, Stream,
};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

pub use door::Door;
pub use error::ConfigError;
pub use http::{Http, Live, Rates};
pub use identity::{Accounts, Budgets, Passwords, Tokens, Vault};
pub use mirror::{ConnectionString, Credentials, Mirror, Tls};
pub use networks::Networks;
pub use part::Part;
pub use process::{Database, Log, LogFormat, Mail};
pub use provider::{Provider, Providers};
pub use reference::{Known, variable};
pub use secret::{Secret, SecretUrl};
pub use written::{Effective, effective, reference, show};

daybook_domain::settings! {
    /// What this process is, and where it finds the others.
    pub struct Config {
        /// Outside development no key is made up: keys have to be given.
        environment: Environment = Environment::Development, one_of(&Environment::ALL);
        /// The folder of development keys, and of mails.
        home: PathBuf = ".daybook".into(), any("a path");
        /// The database, as the role that may read the log and append to it.
        database_url: SecretUrl = "postgres://daybook_app@127.0.0.1:5432/daybook".into(), any("postgres://user:password@host/name");
        /// The database, as its owner. Without it: `database_url`.
        #[serde(skip_serializing_if = "Option::is_none")]
        migrate_database_url: Option<SecretUrl> = None, any("postgres://user:password@host/name").optional();
        /// The NATS server, which carries events to projections and reactor. It is told the user and password of the URL, or
        /// the token that stands in the place of a user.
        nats_url: SecretUrl = "nats://127.0.0.1:4222".into(), any("nats://user:password@host, or tls://…");
        /// Where the API listens.
        api_listen: SocketAddr = loopback(8080), any(ADDRESS);
        /// Where the operators' listener is.
        admin_listen: SocketAddr = loopback(8081), any(ADDRESS);
        /// Where metrics and probes are, without a token.
        telemetry_listen: SocketAddr = loopback(8082), any(ADDRESS);
        /// What this process does. `publisher` and `mirror` aren't among them unless they are named.
        #[serde(deserialize_with = "list")]
        roles: Vec<Part> = Part::DEFAULT.to_vec(), part::some();
        groups {
            database: Database;
            http: Http;
            live: Live;
            door: Door;
            rates: Rates;
            tokens: Tokens;
            accounts: Accounts;
            passwords: Passwords;
            budgets: Budgets;
            vault: Vault;
            commands: daybook_commands::Settings;
            queries: Queries;
            cache: Cache;
            background: Background;
            nats: Nats;
            stream: Stream;
            public_stream: PublicStream;
            mirror: Mirror;
            projections: Projections;
            proof: Proof;
            effects: Effects;
            mail: Mail;
            log: Log;
        }
    }
}

const ADDRESS: &str = "an address and a port, such as 127.0.0.1:8080";

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Development,
    Production,
}

impl Environment {
    pub const ALL: [Self; 2] = [Self::Development, Self::Production];
}

impl Config {
    /// The settings of the file (if it is there, or was named), of the environment, and of `flags`:
    /// an object of those that were given on the command line.
    pub fn load(file: Option<&Path>, flags: &impl Serialize) -> Result<Self, ConfigError> {
        let toml = match file {
            Some(named) => Toml::file_exact(named),
            None => Toml::file("daybook.toml"),
        };
        reference::refuse_half_names()?;
        let environment = Env::prefixed(reference::PREFIX).split("__");
        Self::from(&Figment::from(toml).merge(environment).merge(Serialized::defaults(flags)))
    }

    fn from(figment: &Figment) -> Result<Self, ConfigError> {
        reference::refuse_unknown(figment, &known())?;
        let config: Self = figment.extract().map_err(|error| reference::explain(figment, error))?;
        config.check().and_then(|()| config.check_together()).map_err(|Invalid { path, problem }| {
            ConfigError::Invalid { name: reference::called(figment, &path.join(".")), problem }
        })?;
        Ok(config)
    }

    pub fn has(&self, part: Part) -> bool {
        self.roles.contains(&part)
    }

    /// Where this process mirrors the public events to, if it does.
    pub fn mirrors_to(&self) -> Option<&ConnectionString> {
        self.mirror.to.as_ref().filter(|_| self.has(Part::Mirror))
    }

    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    pub fn mail_folder(&self) -> PathBuf {
        self.mail.folder.clone().unwrap_or_else(|| self.home.join("mail"))
    }

    /// Where the API is reached from this machine.
    pub fn api_url(&self) -> String {
        url_of(self.api_listen)
    }

    /// Where people reach the pages of accounts, without a slash at the end.
    pub fn accounts_url(&self) -> String {
        let url = self.accounts.url.clone().unwrap_or_else(|| self.api_url());
        url.trim_end_matches('/').to_owned()
    }

    /// Where the operators' listener is reached from this machine.
    pub fn admin_url(&self) -> String {
        url_of(self.admin_listen)
    }

    /// What settings say of each other.
    fn check_together(&self) -> Result<(), Invalid> {
        let (timeout, longest) = (self.http.request_timeout, self.http.max_request_timeout);
        if timeout > longest {
            let problem = format!("is {timeout}; it may be at most max_request_timeout, {longest}");
            return Err(Invalid::new("request_timeout", problem).within("http"));
        }
        // A request of the largest size must find room.
        let (room, body) = (self.commands.max_queued_size, self.http.max_body);
        if room.get() < 4 * body.get() {
            let problem = format!("is {room}; it may be no less than four times http.max_body, {body}");
            return Err(Invalid::new("max_queued_size", problem).within("commands"));
        }
        if self.nats.ca_file.is_some() && !self.nats_url.expose().starts_with("tls://") {
            return Err(
                Invalid::new("ca_file", "is of no use: nats_url doesn't begin with tls://").within("nats")
            );
        }
        self.door.check_together()?;
        self.tokens.check_together()?;
        self.accounts.check_together(self.is_production())?;
        if self.has(Part::Mirror) && self.mirror.to.is_none() {
            let problem =
                "is required by the role mirror: it names the system that public events are appended to";
            return Err(Invalid::new("to", problem).within("mirror"));
        }
        if self.is_production() { self.check_production() } else { Ok(()) }
    }

    fn check_production(&self) -> Result<(), Invalid> {
        let Tokens { jwks_url, signing_key_file, .. } = &self.tokens;
        if jwks_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            return Err(Invalid::new("jwks_url", "is an https URL outside development").within("tokens"));
        }
        if jwks_url.is_none() && signing_key_file.is_none() {
            let problem = "is required outside development, unless tokens.jwks_url is set";
            return Err(Invalid::new("signing_key_file", problem).within("tokens"));
        }
        if self.vault.master_key.is_none() {
            return Err(Invalid::new("master_key", "is required outside development").within("vault"));
        }
        Ok(())
    }
}

/// Every setting, in the order of the reference.
pub fn known() -> Vec<Known> {
    reference::listed(Config::describe())
}

/// A listener on all addresses is on the loopback one, too.
fn url_of(listener: SocketAddr) -> String {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listener.port()))
}

#[cfg(test)]
mod tests;
