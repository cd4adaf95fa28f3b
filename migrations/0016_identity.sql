-- What makes people known: secrets, and who holds which. Facts about accounts are in the log; the secrets here are
-- named there by their ids, and one that no account names is worth nothing. None of this can be made again from the log.

-- Keys that values are computed with, each wrapped by the master key. The newest of its kind that is not retired makes
-- new values; the others go on opening what they have made.
CREATE TABLE secret_keys (
    -- Eight hexadecimal digits: whatever is computed with a key names it.
    id          text        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('refresh', 'link', 'index')),
    wrapped_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at  timestamptz
);

-- What people prove with who they are.
CREATE TABLE credentials (
    id         uuid        PRIMARY KEY,
    account    text        NOT NULL COLLATE "C",
    kind       text        NOT NULL CHECK (kind IN ('password', 'totp', 'recovery_codes', 'passkey')),
    -- A password: the hash with its parameters. The secret of one-time passwords: sealed by the master key. Recovery
    -- codes: their hashes, one behind the other. A passkey: its public key.
    secret     bytea       NOT NULL,
    -- One-time passwords: the last step that was used; none is taken twice. Passkeys: their counter.
    used       bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX credentials_account ON credentials (account);

-- Which account an e-mail address belongs to. The address itself is not here: a keyed hash of it is.
CREATE TABLE email_claims (
    blind   bytea       PRIMARY KEY,
    account text        NOT NULL COLLATE "C",
    -- The key of the hash.
    key_id  text        NOT NULL REFERENCES secret_keys,
    -- A claim that is not confirmed by the account's stream until then is none.
    until   timestamptz
);
CREATE INDEX email_claims_account ON email_claims (account);

-- Those who are logged in. Nothing in here opens a session: refresh tokens are computed.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    account      text        NOT NULL COLLATE "C",
    -- The newest refresh token that was given out, counted from 1.
    generation   int         NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    -- When the newest one was given out.
    advanced_at  timestamptz NOT NULL,
    -- When its owner last proved with all factors that it is them.
    confirmed_at timestamptz NOT NULL,
    -- Without a refresh it ends then.
    idle_until   timestamptz NOT NULL,
    -- It ends then at the latest.
    until        timestamptz NOT NULL,
    ended_at     timestamptz,
    -- Where it was begun and with which program: sealed with the key of its owner.
    device       jsonb       NOT NULL
);
CREATE INDEX sessions_account ON sessions (account, created_at);
-- What every process reads several times a second.
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_until ON sessions (until);

-- Links in mails, each good once. What stands in the link is computed from this and a key.
CREATE TABLE links (
    id         uuid        PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('address', 'reset', 'claim')),
    account    text        NOT NULL COLLATE "C",
    -- What it is about: an address that is to be verified, an order that is to be claimed.
    subject    text        NOT NULL,
    key_id     text        NOT NULL REFERENCES secret_keys,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX links_expires_at ON links (expires_at);
CREATE INDEX links_account ON links (account);

-- Keys of programs, by the SHA-256 of what is shown once. Scopes and ends are facts of the account's stream; they stand
-- here so that one look is enough.
CREATE TABLE api_keys (
    id         uuid        PRIMARY KEY,
    account    text        NOT NULL COLLATE "C",
    hash       bytea       NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    ended_at   timestamptz,
    last_used  timestamptz
);
CREATE INDEX api_keys_account ON api_keys (account);
CREATE INDEX api_keys_ended_at ON api_keys (ended_at) WHERE ended_at IS NOT NULL;

-- Orders of guests that an account has made its own: a person who leaves takes the keys of these along.
CREATE TABLE claimed_orders (
    order_id text PRIMARY KEY COLLATE "C",
    account  text NOT NULL COLLATE "C"
);
CREATE INDEX claimed_orders_account ON claimed_orders (account);

-- What happened around the security of accounts: for their owners and for admins, and for a while only.
CREATE TABLE activity (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Null: whoever it was, there is no such account.
    account    text        COLLATE "C",
    event      text        NOT NULL,
    -- Who did it, if it was not the owner.
    actor      text,
    session    uuid,
    address    inet,
    request_id text        NOT NULL
);
CREATE INDEX activity_account ON activity (account, id);
CREATE INDEX activity_at ON activity USING brin (at);

-- An effect that no event proposed brings what it needs along, sealed; it is gone when the effect is done.
ALTER TABLE effects ADD COLUMN payload bytea;
