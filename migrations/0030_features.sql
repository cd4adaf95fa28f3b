-- What a database may hold that the release before can't read, by name: a row says that it is turned on, for good. Every
-- process reads all of them when it starts, when it hears of a change, and every few seconds.
CREATE TABLE features (
    name       text        PRIMARY KEY,
    enabled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The role of the database that did it; the audit has the reason.
    enabled_by text        NOT NULL DEFAULT session_user
);
