-- The log: what happened, in the order in which it happened. Everything else can be made from it.
--
-- The columns are those of the event tables that postgres-es reads, plus a place in the whole log
-- (position), an id that survives copying (event_id), and when it was appended. payload and metadata
-- are json, not jsonb: the bytes that were written are the bytes that are read.

CREATE TABLE events (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    sequence       bigint      NOT NULL CHECK (sequence > 0),
    event_type     text        NOT NULL,
    event_version  text        NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    position       bigint      NOT NULL CHECK (position > 0),
    event_id       uuid        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence),
    UNIQUE (position)
);

-- What was answered to a command that was sent with an idempotency key. Written by the same statement
-- as its events, so that there is never one without the other.
CREATE TABLE idempotency_keys (
    scope       text        NOT NULL,
    key         text        NOT NULL,
    -- SHA-256 of the request: the same key with another request is a mistake of the client.
    fingerprint bytea       NOT NULL,
    receipt     text        NOT NULL,
    position    bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
-- BRIN: rows are only ever added at the end, and only the clean-up looks for old ones.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);

-- A key for each person whose data is in the log, wrapped by the master key. Deleting a row erases
-- that person from the log, the read tables, the stream, exports and backups at once.
CREATE TABLE person_keys (
    key_id      uuid        PRIMARY KEY,
    owner       text        NOT NULL UNIQUE,
    wrapped_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
