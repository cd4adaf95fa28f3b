//! What can be set of the listeners: limits of requests, of callers and of those that follow the log.

use daybook_domain::settings::{Size, Span, any, between};

use super::networks::Networks;

daybook_domain::settings! {
    /// Requests: how large they may be, how many at a time, and how long they may take.
    pub struct Http {
        /// The largest body of a request.
        max_body: Size = Size::mib(1), between(Size::kib(1), Size::mib(16));
        /// Connections to the API's listener.
        max_connections: usize = 10_000, between(1, 1_000_000);
        /// The same for each of the other listeners: operators and monitors are few.
        max_side_connections: usize = 1_000, between(1, 1_000_000);
        /// Requests in work at the same time; more are turned away.
        max_in_flight: usize = 4_096, between(1, 1_000_000);
        /// How long a client may take to send the head of a request, and then its body.
        client_timeout: Span = Span::seconds(10), between(Span::millis(100), Span::minutes(2));
        /// How long a client may take to read what it is answered, then its connection is ended.
        write_timeout: Span = Span::seconds(30), between(Span::millis(100), Span::minutes(10));
        /// How long a connection is kept open for another request.
        keep_alive: Span = Span::seconds(75), between(Span::seconds(1), Span::hours(1));
        /// Deadline of a request that names none. At most `max_request_timeout`.
        request_timeout: Span = Span::seconds(10), between(Span::millis(100), Span::minutes(5));
        /// The longest deadline that a request may name.
        max_request_timeout: Span = Span::seconds(30), between(Span::millis(100), Span::minutes(5));
        /// Networks of proxies that say truly for whom they ask, in `Forwarded` or `X-Forwarded-For`. From anywhere else
        /// these headers change nothing.
        trusted_proxies: Networks = Networks::default(), any("networks such as 10.0.0.0/8, as a list or as text with commas");
        /// How long requests in work may take to finish after SIGTERM.
        shutdown_grace: Span = Span::seconds(20), between(Span::seconds(0), Span::minutes(10));
    }
}

daybook_domain::settings! {
    /// Clients that the log is streamed to: live, or as lines.
    pub struct Live {
        /// Streams that are open at the same time, of either kind; more are turned away.
        max_streams: usize = 256, between(1, 100_000);
        /// The same for one subject.
        max_streams_per_subject: usize = 16, between(1, 100_000);
        /// After so long without an event, a sign of life.
        heartbeat: Span = Span::seconds(15), between(Span::millis(100), Span::minutes(1));
        /// A client that takes nothing of what is sent to it for so long is ended.
        write_timeout: Span = Span::seconds(30), between(Span::millis(100), Span::minutes(10));
    }
}

daybook_domain::settings! {
    /// Rate limits, for each process.
    pub struct Rates {
        /// Requests in a second with tokens of one subject.
        subject_per_second: u32 = 1_000, between(1, 1_000_000);
        /// Requests of one subject that may come at once.
        subject_burst: u32 = 2_000, between(1, 1_000_000);
        /// Requests in a second without a token, from one address.
        address_per_second: u32 = 200, between(1, 1_000_000);
        /// Requests without a token that may come at once from one address.
        address_burst: u32 = 400, between(1, 1_000_000);
        /// Invalid tokens in a second from one address.
        invalid_token_per_second: u32 = 10, between(1, 1_000_000);
        /// Invalid tokens that may come at once from one address.
        invalid_token_burst: u32 = 50, between(1, 1_000_000);
        /// Refusals of one subject that the audit keeps one by one in a minute. Of more, it keeps how many there were.
        audited_refusals_per_minute: u32 = 60, between(1, 1_000_000);
    }
}
