//! What can be set of the door, through which clients of EventStoreDB read the log.

use std::{net::SocketAddr, path::PathBuf};

use daybook_domain::settings::{Invalid, Span, any, between, text};

daybook_domain::settings! {
    /// The door, through which clients of EventStoreDB read the log (gRPC).
    pub struct Door {
        /// Where it listens, in a process with the role `api`. There is no door without a certificate, unless `plaintext`
        /// is true.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 2113)), any("an address and a port");
        /// Its certificate, followed by those of the authorities between it and the one that clients trust (PEM).
        #[serde(skip_serializing_if = "Option::is_none")]
        certificate_file: Option<PathBuf> = None, any("a path").optional();
        /// The key of its certificate (PEM), which only its owner may be able to read.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_file: Option<PathBuf> = None, any("a path").optional();
        /// Without a certificate, everything is sent in the clear, tokens too. This says that it is meant so, because
        /// something in front of it has TLS. Most clients send no token then.
        plaintext: bool = false, any("true or false");
        /// Host and port that clients are told who discover the server. Without it: where it listens.
        #[serde(skip_serializing_if = "Option::is_none")]
        advertise: Option<String> = None, text("a host and a port, such as log.example:2113", is_host_and_port).optional();
        /// Connections at the same time; more are closed.
        max_connections: usize = 1_000, between(1, 1_000_000);
        /// After so long a connection takes no new calls: its client makes another one. What is open on it goes on.
        max_connection_age: Span = Span::minutes(30), between(Span::seconds(1), Span::hours(24));
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl Door {
    /// What its settings say of each other.
    pub(super) fn check_together(&self) -> Result<(), Invalid> {
        let invalid = |setting, problem: &str| Err(Invalid::new(setting, problem.to_owned()).within("door"));
        match (&self.certificate_file, &self.key_file) {
            (Some(_), None) => invalid("key_file", "is required beside certificate_file"),
            (None, Some(_)) => invalid("certificate_file", "is required beside key_file"),
            _ => Ok(()),
        }
    }
}
