-- What analysts ask: the public events, one row each, as the publisher writes them. The views over it are made by
-- `daybook migrate` from the types of public events, and analysts have rights to those only. It can be thrown away at
-- any time and is written again from the log.
CREATE SCHEMA analytics;

CREATE TABLE analytics.public_events (
    position    bigint      PRIMARY KEY,
    event_id    uuid        NOT NULL,
    -- Kind and id, such as order/ord_….
    stream      text        NOT NULL COLLATE "C",
    sequence    bigint      NOT NULL,
    type        text        NOT NULL COLLATE "C",
    version     int         NOT NULL,
    recorded_at timestamptz NOT NULL,
    payload     jsonb       NOT NULL
);
