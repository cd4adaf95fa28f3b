-- Roles beside those that Daybook brings along: sets of rules by their names. Tokens and accounts name roles by text, so a
-- role that is gone gives nothing. Every process reads all of them several times a second, together with revocations.
CREATE TABLE custom_roles (
    name         text        PRIMARY KEY,
    rules        text[]      NOT NULL,
    description  text        NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
