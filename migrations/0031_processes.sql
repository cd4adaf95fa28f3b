-- Which processes are there, and what they know: each says so every few seconds, and takes its row away when it ends. Those
-- that are there delete the rows of those that have long gone.
CREATE TABLE processes (
    -- Zeros stand for all processes of release 0.1, which say nothing and are seen by their sessions.
    id       uuid        PRIMARY KEY,
    release  text        NOT NULL,
    -- Empty if the build wasn't told it.
    commit   text        NOT NULL,
    features text[]      NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
