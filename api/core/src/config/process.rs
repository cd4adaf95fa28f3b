//! What can be set of the process itself: the database, log lines, mails.

use std::path::PathBuf;

use daybook_domain::settings::{Size, Span, any, between, one_of};
use serde::{Deserialize, Serialize};

use super::secret::SecretUrl;

daybook_domain::settings! {
    /// How the database is reached.
    pub struct Database {
        /// How long queries and commands wait for a connection.
        acquire_timeout: Span = Span::seconds(3), between(Span::millis(10), Span::minutes(1));
        /// How large the database may become, such as the room of its disk without the archive of the log of PostgreSQL. It
        /// stops nothing: an alert says days before that it will be as large. Without it there is no such alert.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<Size> = None, any("a size such as 200GiB").optional();
        /// How long the start waits for a database that is away.
        start_timeout: Span = Span::seconds(30), between(Span::seconds(0), Span::hours(1));
    }
}

daybook_domain::settings! {
    /// Mails to customers.
    pub struct Mail {
        /// The mail server. Without it, mails become files in `folder`.
        #[serde(skip_serializing_if = "Option::is_none")]
        smtp_url: Option<SecretUrl> = None, any("smtps://user:password@host").optional();
        /// A file with certificates (PEM) of authorities that the mail server may have its own from, beside those of
        /// the public web.
        #[serde(skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf> = None, any("a path").optional();
        /// The sender.
        from: String = "Daybook <orders@localhost>".into(), any("Name <address>");
        /// Where mails are written without a mail server. Without it: `mail` in `home`.
        #[serde(skip_serializing_if = "Option::is_none")]
        folder: Option<PathBuf> = None, any("a path").optional();
    }
}

daybook_domain::settings! {
    /// Log lines.
    pub struct Log {
        /// For people, or for programs.
        format: LogFormat = LogFormat::Pretty, one_of(&LogFormat::ALL);
        /// Which lines are written, from which modules.
        /// What libraries write below `info` may quote data, so it is never written.
        filter: String = FILTER.into(), any("directives as the crate tracing-subscriber reads them");
        /// How many lines one place in the code writes in a second. The others are left out, and it is said how many; a
        /// panic is always written.
        lines_per_second: u32 = 1_000, between(1, 1_000_000);
    }
}

/// Every line of the HTTP protocol's own layer is some client's mistake.
const FILTER: &str = "info,actix_server=warn,actix_http=off,async_nats=warn";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Pretty,
    Json,
}

impl LogFormat {
    pub const ALL: [Self; 2] = [Self::Pretty, Self::Json];
}
