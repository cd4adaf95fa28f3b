-- People who log in at other issuers. That an account is linked is a fact of its stream, which names a row here by its id;
-- one that no account names is worth nothing. None of this can be made again from the log.

-- Which account someone belongs to whom another issuer knows. Neither issuer nor subject is here: a keyed hash of both is.
CREATE TABLE outside_identities (
    blind      bytea       PRIMARY KEY,
    id         uuid        NOT NULL UNIQUE,
    account    text        NOT NULL COLLATE "C",
    -- The key of the hash.
    key_id     text        NOT NULL REFERENCES secret_keys,
    -- Both, sealed with the key of the owner: the hash is computed anew from it.
    subject    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outside_identities_account ON outside_identities (account);

-- Log-ins at other issuers that were answered: each is answered once. What is remembered of one that has begun is with
-- the browser, sealed, and not here.
CREATE TABLE outside_attempts (
    id      uuid        PRIMARY KEY,
    -- The account that it has come to, if a code of its second factor is still to come.
    account text        COLLATE "C",
    -- Later it is good for nothing, whether it is remembered here or not.
    until   timestamptz NOT NULL
);
CREATE INDEX outside_attempts_until ON outside_attempts (until);
CREATE INDEX outside_attempts_account ON outside_attempts (account) WHERE account IS NOT NULL;
