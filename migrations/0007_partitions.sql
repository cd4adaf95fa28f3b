-- The streams of a read model can be shared out among several workers. How many there are is said by the
-- checkpoints that a generation was made with: one for each partition, over every position of the log.

ALTER TABLE checkpoints
    ADD COLUMN partition int NOT NULL DEFAULT 0 CHECK (partition >= 0),
    DROP CONSTRAINT checkpoints_pkey,
    ADD PRIMARY KEY (name, generation, partition);

-- Rows are compared generation by generation, so that is an account of its own.
CREATE TABLE row_audits (
    name       text   NOT NULL,
    generation int    NOT NULL,
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

INSERT INTO row_audits SELECT name, generation, rows_after, rows_wrong, rows_compared_at, wrong_row FROM audits;

ALTER TABLE audits
    ADD COLUMN partition int NOT NULL DEFAULT 0,
    DROP CONSTRAINT audits_pkey,
    ADD PRIMARY KEY (name, generation, partition),
    DROP COLUMN rows_after,
    DROP COLUMN rows_wrong,
    DROP COLUMN rows_compared_at,
    DROP COLUMN wrong_row;
