-- Tokens that end before their time. Every process reads what is new several times a second, so this is
-- what they all know within a second, whatever becomes of notifications.
CREATE TABLE revocations (
    -- token: a `jti`; subject: a `sub`, whose tokens of before are meant; key: a `kid`.
    kind          text        NOT NULL CHECK (kind IN ('token', 'subject', 'key')),
    value         text        NOT NULL,
    -- Tokens with an `iat` up to this, Unix time in seconds. Of interest for subjects.
    issued_until  bigint      NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, value)
);
CREATE INDEX revocations_recorded_at ON revocations (recorded_at);
