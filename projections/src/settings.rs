//! What can be set of everything that is downstream of the log.

use std::path::PathBuf;

use daybook_domain::settings::{Size, Span, any, between, text};

/// Everything that is downstream, a group each.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub background: Background,
    pub nats: Nats,
    pub stream: Stream,
    pub public_stream: PublicStream,
    pub projections: Projections,
    pub proof: Proof,
    pub effects: Effects,
    pub cache: Cache,
}

daybook_domain::settings! {
    /// Everything that runs behind the log in the background: relay, projections and reactor.
    pub struct Background {
        /// Connections to the database that they share. Each partition of a read model has one more of
        /// its own, and another one for the generation before.
        connections: u32 = 12, between(4, 1_000);
        /// How long a lease is good that is not renewed: the longest time until another process takes over
        /// the work of one that died. No longer than 5 s, because a projection without progress is called
        /// stalled after 7 s.
        lease_term: Span = Span::seconds(5), between(Span::seconds(1), Span::seconds(5));
        /// How often it is looked at what should have been announced.
        poll_interval: Span = Span::seconds(1), between(Span::millis(10), Span::minutes(1));
    }
}

daybook_domain::settings! {
    /// How the NATS server is reached, beside `nats_url`.
    pub struct Nats {
        /// A file with certificates (PEM) of the authorities that the NATS server may have its own from. Without it: those
        /// of this machine. `nats_url` begins with `tls://` then.
        #[serde(skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf> = None, any("a path").optional();
    }
}

daybook_domain::settings! {
    /// The stream in JetStream that carries events to projections and reactor. One that is there already is
    /// used as it is: age, size and replicas count when it is made.
    pub struct Stream {
        /// What it is called.
        name: String = "DAYBOOK".into(), text(NAME, is_name);
        /// The first word of its subjects: `{subject_prefix}.events.{aggregate}.{event}`.
        subject_prefix: String = "daybook".into(), text(NAME, is_name);
        /// How long it keeps an event. Older ones are read from the log.
        max_age: Span = Span::days(1), between(Span::minutes(1), Span::days(365));
        /// How much room it takes; then the oldest events go.
        max_size: Size = Size::gib(1), between(Size::mib(1), Size::tib(16));
        /// Copies of it in a JetStream cluster.
        replicas: usize = 1, between(1, 5);
    }
}

daybook_domain::settings! {
    /// The stream in JetStream that carries public events to other systems, if a process publishes them. It has the
    /// name of the other one with `_EVENTS` behind it, its subjects are `{subject_prefix}.public.{aggregate}.{event}`.
    pub struct PublicStream {
        /// How long it keeps an event.
        max_age: Span = Span::days(7), between(Span::minutes(1), Span::days(365));
        /// How much room it takes; then the oldest events go.
        max_size: Size = Size::gib(1), between(Size::mib(1), Size::tib(16));
    }
}

daybook_domain::settings! {
    /// How read models are kept up to date.
    pub struct Projections {
        /// Workers that share the streams of a read model, on as many processes as there are. Counts for
        /// what is made from now on: a rebuild changes a read model that is there.
        partitions: usize = 1, between(1, 64);
        /// Events that a projection applies together.
        batch_events: usize = 1_000, between(1, 10_000);
        /// The least time between the starts of two batches: under load they become larger instead of more.
        batch_interval: Span = Span::millis(5), between(Span::millis(0), Span::seconds(10));
    }
}

daybook_domain::settings! {
    /// The auditor, which compares read models with the log all the time.
    pub struct Proof {
        /// The pause between two looks.
        interval: Span = Span::seconds(5), between(Span::millis(10), Span::hours(1));
        /// Rows of each generation that it compares at a look.
        rows: usize = 2_000, between(1, 100_000);
    }
}

daybook_domain::settings! {
    /// How the effects of the lane `post`, such as mails, are performed.
    pub struct Effects {
        /// Effects that are performed at the same time.
        concurrency: usize = 8, between(1, 1_000);
        /// After so many failed tries an effect is a dead letter. Waits double from 5 s to 10 min, so that
        /// 20 tries take about two and a half hours.
        attempts: u32 = 20, between(1, 10_000);
        /// How long one try may take.
        timeout: Span = Span::seconds(20), between(Span::millis(100), Span::minutes(10));
    }
}

daybook_domain::settings! {
    /// Answers that are kept in memory, ready to be sent.
    pub struct Cache {
        /// What they may take in memory.
        size: Size = Size::mib(256), between(Size::bytes(0), Size::tib(1));
        /// How long an answer is kept even if nothing that it shows was touched.
        max_age: Span = Span::minutes(1), between(Span::seconds(1), Span::days(1));
    }
}

daybook_domain::settings! {
    /// How read models are asked.
    pub struct Queries {
        /// Connections to the database that answer queries.
        connections: u32 = 10, between(1, 1_000);
    }
}

impl Settings {
    /// The stream of public events is named after the other one: `DAYBOOK_EVENTS`.
    pub fn public_stream_name(&self) -> String {
        format!("{}_EVENTS", self.stream.name)
    }
}

/// Which work this process takes part in. Of each kind of worker, and of each partition's, one is active
/// at a time, whatever the number of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub relay: bool,
    /// Public events for other systems.
    pub publisher: bool,
    /// Read models and their rebuilds.
    pub projections: bool,
    pub reactor: bool,
}

impl Roles {
    /// Whether any of it needs the broker, and connections of its own.
    pub(crate) fn work_in_the_background(self) -> bool {
        self.relay || self.publisher || self.projections || self.reactor
    }
}

const NAME: &str = "1 to 64 characters of A-Z a-z 0-9 _ -";

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
}
