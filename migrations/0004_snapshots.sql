-- Where the fold of a long stream may begin, so that a stream of a million events is read as quickly as
-- one of ten. One row a stream, made from the log and disposable: TRUNCATE it at any time.
--
-- A row counts only if its event is in the log (another history has other events) and if its state has
-- the shape that the reader's release knows.

CREATE TABLE snapshots (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    -- The last event that the state comes from.
    sequence       bigint      NOT NULL,
    event_id       uuid        NOT NULL,
    -- Which serialized form of the state this is, counted by its decider.
    shape          int         NOT NULL,
    state          json        NOT NULL,
    written_at     timestamptz NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
-- Rows of hot streams are rewritten again and again: in the same page, if it has room.
) WITH (fillfactor = 50);

-- The only way in. What is not in the log is not kept, and of two processes' snapshots the later stays,
-- unless it can't be of use: then it is replaced by whatever is offered.
CREATE FUNCTION write_snapshots(
    aggregate_types text[],
    aggregate_ids   text[],
    sequences       bigint[],
    event_ids       uuid[],
    shapes          int[],
    states          text[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    written bigint;
BEGIN
    -- Nothing is lost with a snapshot, and the disk has better things to do than to wait for one.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO snapshots AS kept (aggregate_type, aggregate_id, sequence, event_id, shape, state, written_at)
    SELECT x.aggregate_type, x.aggregate_id, x.sequence, x.event_id, x.shape, x.state::json, clock_timestamp()
      FROM unnest(aggregate_types, aggregate_ids, sequences, event_ids, shapes, states)
           AS x(aggregate_type, aggregate_id, sequence, event_id, shape, state)
     WHERE EXISTS (SELECT FROM events e
                    WHERE e.aggregate_type = x.aggregate_type AND e.aggregate_id = x.aggregate_id
                      AND e.sequence = x.sequence AND e.event_id = x.event_id)
     -- In one order, so that two writers never wait for each other.
     ORDER BY x.aggregate_type, x.aggregate_id
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
       SET (sequence, event_id, shape, state, written_at) =
           (excluded.sequence, excluded.event_id, excluded.shape, excluded.state, excluded.written_at)
     WHERE excluded.sequence >= kept.sequence OR excluded.shape <> kept.shape
        OR NOT EXISTS (SELECT FROM events e
                        WHERE e.aggregate_type = kept.aggregate_type AND e.aggregate_id = kept.aggregate_id
                          AND e.sequence = kept.sequence AND e.event_id = kept.event_id);
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
