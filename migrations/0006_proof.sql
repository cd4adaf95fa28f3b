-- What a projection has applied, so that it can be proved at run time to be exactly what the log says.
-- Moves with the checkpoint, in the statement that writes the rows.

ALTER TABLE checkpoints
    -- How many events of its kind were applied.
    ADD COLUMN applied bigint,
    -- The sum, modulo 2^64, of a digest of each of them: its id, its position, and the version of the row
    -- that it was applied to. A sum, so that generations that were made in another order agree.
    ADD COLUMN digest  bigint,
    ADD CHECK ((applied IS NULL) = (digest IS NULL));

UPDATE checkpoints SET applied = 0, digest = 0 WHERE position = 0 AND name IN (SELECT name FROM read_models);

-- What the auditor has found about each generation of a read model.
CREATE TABLE audits (
    name       text   NOT NULL,
    generation int    NOT NULL,
    -- Up to here the log was read, and this is what should be applied there.
    position   bigint NOT NULL DEFAULT 0,
    applied    bigint NOT NULL DEFAULT 0,
    digest     bigint NOT NULL DEFAULT 0,
    -- Up to here the projection is known to have applied exactly that.
    proved_position bigint NOT NULL DEFAULT 0,
    proved_at  timestamptz,
    -- Which events it has applied too often, or not.
    wrong_events text,
    -- Rows are compared with the log in the order of their ids, again and again: how far this pass is,
    -- and how many were wrong in it.
    rows_after text   NOT NULL DEFAULT '',
    rows_wrong bigint NOT NULL DEFAULT 0,
    -- When a pass ended last.
    rows_compared_at timestamptz,
    -- The first row that was wrong; forgotten after a pass without any.
    wrong_row  text,
    PRIMARY KEY (name, generation)
);
