//! What is counted for every interface.

use daybook_domain::{settings::Size, words};
use daybook_migrations::metrics;

words! {
    /// Why a request was turned away before it was looked at.
    pub enum TurnedAway {
        Overloaded = "overloaded",
        RateLimited = "rate_limited",
        Draining = "draining",
        RevocationsUnread = "revocations_unread",
    }
}

words! {
    /// How a log-in ended.
    pub enum LogIn {
        Succeeded = "succeeded",
        /// The address, the password or the code was wrong.
        Refused = "refused",
        /// It needs a code of the second factor.
        FactorRequired = "factor_required",
        TooOften = "too_often",
        Failed = "failed",
    }
}

words! {
    /// What is looked at to know whether a process is ready.
    pub enum Check {
        /// The process as a whole: whether `GET /readyz` says 200.
        Ready = "ready",
        Database = "database",
        Schema = "schema",
        Committer = "committer",
        /// Not needed to be ready.
        Nats = "nats",
    }
}

words! {
    /// What a pool of database connections is for.
    pub enum Pool {
        Queries = "queries",
        Commands = "commands",
        /// What is downstream of the log.
        Background = "background",
    }
}

impl TurnedAway {
    pub fn count(self) {
        TURNED_AWAY.with_label_values(&[self.as_str()]).inc();
    }
}

metrics! {
    IN_FLIGHT: IntGauge("daybook_http_requests_in_flight", "Requests in work");
    LIVE_STREAMS: IntGauge("daybook_live_streams", "Clients that the log is streamed to, live or as lines");
    LIVE_UNREAD: IntCounter(
        "daybook_live_unread_total",
        "Times that the log could not be read for a client that it is streamed to",
    );
    TURNED_AWAY: IntCounterVec(
        "daybook_http_turned_away_total",
        "Requests turned away: overloaded, rate_limited, draining, revocations_unread",
        &["reason"],
    ) of TurnedAway::WORDS;
    READY: IntGaugeVec(
        "daybook_ready",
        "1 if it is well, by what was looked at: ready (the process as a whole), database, schema, committer, nats",
        &["check"],
    );
    WORKER_LAST_RUN: IntGaugeVec(
        "daybook_worker_last_run_timestamp_seconds",
        "When a worker last ended a round well, seconds since 1970",
        &["worker"],
    );
    LOG_INS: IntCounterVec(
        "daybook_log_ins_total",
        "Log-ins with a password, by how they ended: succeeded, refused, factor_required, too_often, failed",
        &["outcome"],
    ) of LogIn::WORDS;
    KEY_MADE: IntGaugeVec(
        "daybook_key_made_timestamp_seconds",
        "When the key was made that new values of a kind are computed with, seconds since 1970: refresh, link, index",
        &["kind"],
    );
    DATABASE_ROOM: IntGauge(
        "daybook_database_room_bytes",
        "How large the database may become, as the setting database.room says",
    );
    TOKENS_REFUSED: IntCounterVec("daybook_tokens_refused_total", "Tokens refused, by why", &["reason"]);
    REVOCATIONS_UNREAD: IntCounter(
        "daybook_revocations_unread_total",
        "Times that it could not be read which tokens were revoked",
    );
    PASSWORD_HASHES: IntCounter(
        "daybook_password_hashes_total",
        "Runs of Argon2id: one for each log-in, registration and new password",
    );
    LOG_LINES_LEFT_OUT: IntCounter(
        "daybook_log_lines_left_out_total",
        "Lines that the log has not, because too many of their kind came at once",
    );
    /// Refusals that left no audit record, because too many came at once or the database was away.
    AUDIT_LOST: IntCounter("daybook_audit_records_lost_total", "Refusals that left no audit record");
    POOL_CONNECTIONS: IntGaugeVec(
        "daybook_pool_connections",
        "Database connections by pool and state: open, idle (which are open, too), max (which may be open)",
        &["pool", "state"],
    );
    POOL_FULL_SECONDS: CounterVec(
        "daybook_pool_full_seconds_total",
        "Time in which all connections of a pool were in use, by pool: queries, commands, background",
        &["pool"],
    ) of Pool::WORDS;
}

/// Notes how large the database may become.
pub fn tell_room(room: Size) {
    DATABASE_ROOM.set(i64::try_from(room.get()).unwrap_or(i64::MAX));
}

/// Notes how many connections a pool has open, and how many of them have nothing to do.
pub fn measure_pool(of: Pool, pool: &sqlx::PgPool) {
    let name = of.as_str();
    let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
    POOL_CONNECTIONS.with_label_values(&[name, "open"]).set(pool.size().into());
    POOL_CONNECTIONS.with_label_values(&[name, "idle"]).set(idle);
    POOL_CONNECTIONS.with_label_values(&[name, "max"]).set(pool.options().get_max_connections().into());
}
