-- Everything that is made from the log or follows it. All of it but the ledger of effects, the dead
-- letters and the audit can be thrown away and made again.

-- Where the tables of read models live. The running server makes and drops them: a generation each.
CREATE SCHEMA read;

-- How far each generation of a projection, and each reactor, has come. One row moves with the rows
-- that it accounts for, in one transaction; the condition on the old position is the fence.
CREATE TABLE checkpoints (
    name       text        NOT NULL,
    generation int         NOT NULL,
    position   bigint      NOT NULL DEFAULT 0,
    -- The event at that position: another one there means another history.
    event_id   uuid,
    -- running, parked, paused or diverged.
    state      text        NOT NULL DEFAULT 'running'
               CHECK (state IN ('running', 'parked', 'paused', 'diverged')),
    -- Why it is parked or diverged.
    reason     text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, generation)
);

-- Which generation of a read model is served, and which one a rollback would go back to.
CREATE TABLE read_models (
    name                text        PRIMARY KEY,
    live_generation     int         NOT NULL,
    previous_generation int,
    swapped_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rebuilds (
    id           uuid        PRIMARY KEY,
    projection   text        NOT NULL,
    generation   int         NOT NULL,
    state        text        NOT NULL CHECK (state IN
                 ('building', 'catching_up', 'verifying', 'swapping', 'done', 'failed', 'cancelled')),
    done_events  bigint      NOT NULL DEFAULT 0,
    total_events bigint      NOT NULL DEFAULT 0,
    -- What the verification found, or why the rebuild failed.
    verification jsonb,
    started_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
-- One at a time for each projection.
CREATE UNIQUE INDEX rebuilds_running ON rebuilds (projection)
    WHERE state IN ('building', 'catching_up', 'verifying', 'swapping');

-- Who does what there must be one of. Times are the database's.
CREATE TABLE leases (
    name       text        PRIMARY KEY,
    holder     uuid        NOT NULL,
    expires_at timestamptz NOT NULL
);

-- From where on a reaction reacts: the head of the log when it was first seen.
CREATE TABLE reactions (
    name  text   PRIMARY KEY,
    since bigint NOT NULL
);

-- The ledger of effects: one row each, for ever, so that none is forgotten and none is done on purpose
-- twice.
CREATE TABLE effects (
    event_id      uuid        NOT NULL,
    kind          text        NOT NULL,
    target        text        NOT NULL,
    position      bigint      NOT NULL,
    state         text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead', 'skipped')),
    attempts      int         NOT NULL DEFAULT 0,
    -- When it may be tried (again). While somebody performs it: when they have given up.
    due_at        timestamptz NOT NULL DEFAULT now(),
    last_error    text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    PRIMARY KEY (event_id, kind, target)
);
CREATE INDEX effects_due ON effects (due_at) WHERE state = 'pending';

-- What could not be done and waits for an operator.
CREATE TABLE dead_letters (
    id          uuid        PRIMARY KEY,
    -- A projection's name, or reactor.
    consumer    text        NOT NULL,
    position    bigint      NOT NULL,
    event_id    uuid        NOT NULL,
    -- For an effect: what it was.
    kind        text,
    target      text,
    error       text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- retried or skipped.
    resolution  text CHECK (resolution IN ('retried', 'skipped')),
    resolved_at timestamptz
);
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (consumer, event_id, coalesce(kind, ''), coalesce(target, ''))
    WHERE resolution IS NULL;

-- Who did what to the running system, and who was refused. Append-only for the running server.
CREATE TABLE audit (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text        NOT NULL,
    action     text        NOT NULL,
    target     text        NOT NULL,
    outcome    text        NOT NULL,
    reason     text,
    request_id text        NOT NULL
);
