-- The only way into the log: one call appends a batch, or says why not and appends nothing.
--
-- VOLATILE under READ COMMITTED, so each statement sees what was committed before it began; the lock
-- is taken first and kept until commit. Hence the checks are exact, and the order of numbers is the
-- order of commits: no reader who saw position n will ever see another event below n.
--
-- Returned: base and head_event_id, the head of the log before this batch (its events are base + 1,
-- base + 2, …), and whether it is the head that the caller knew; stale, the places (from 1) of the expectations that don't
-- hold; taken, the places of the keys that were looked for and found. If either is not empty, nothing
-- was appended. A key that is to be stored and is stored already is a unique violation.

CREATE FUNCTION append_batch(
    -- The head of the log as the caller last saw it, and its event.
    known_head          bigint,
    known_head_event_id uuid,
    -- Where each stream that was written or read must still be: its last event, or sequence 0.
    expected_types     text[],
    expected_ids       text[],
    expected_sequences bigint[],
    expected_event_ids uuid[],
    -- Which of them hold for sure if nobody else has appended since the known head.
    expected_trusted   boolean[],
    -- Idempotency keys; one without a receipt is only looked for.
    key_scopes         text[],
    keys               text[],
    key_fingerprints   bytea[],
    key_receipts       text[],
    -- How many of the batch's events lie at or before the command of that key.
    key_offsets        bigint[],
    event_aggregate_types text[],
    event_aggregate_ids   text[],
    event_sequences       bigint[],
    event_types           text[],
    event_versions        text[],
    event_payloads        text[],
    event_ids             uuid[],
    -- Which of metadatas belongs to the event, from 1: the events of a command share theirs.
    event_metadata_places int[],
    metadatas             text[],
    OUT base        bigint,
    OUT recorded_at timestamptz,
    OUT head_event_id uuid,
    OUT head_known  boolean,
    OUT stale       int[],
    OUT taken       int[]
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(log_lock());

    SELECT e.position, e.recorded_at, e.event_id INTO base, recorded_at, head_event_id
      FROM events e ORDER BY e.position DESC LIMIT 1;
    base := coalesce(base, 0);
    recorded_at := greatest(clock_timestamp(), recorded_at);
    head_known := base = known_head AND head_event_id IS NOT DISTINCT FROM known_head_event_id;

    -- With one process most of this is skipped: nobody else can have moved its streams. LATERAL,
    -- because as a join the planner may read the whole table when it was never analysed.
    SELECT array_agg(x.place::int) INTO stale
      FROM unnest(expected_types, expected_ids, expected_sequences, expected_event_ids, expected_trusted)
           WITH ORDINALITY AS x(type, id, sequence, event_id, trusted, place)
      LEFT JOIN LATERAL (
           SELECT e.sequence, e.event_id FROM events e
            WHERE e.aggregate_type = x.type AND e.aggregate_id = x.id
            ORDER BY e.sequence DESC LIMIT 1) last ON true
     WHERE NOT (x.trusted AND head_known)
       AND (coalesce(last.sequence, 0) <> x.sequence OR last.event_id IS DISTINCT FROM x.event_id);

    SELECT array_agg(x.place::int) INTO taken
      FROM unnest(key_scopes, keys, key_receipts) WITH ORDINALITY AS x(scope, key, receipt, place)
     WHERE x.receipt IS NULL
       AND EXISTS (SELECT FROM idempotency_keys k WHERE k.scope = x.scope AND k.key = x.key);

    IF stale IS NOT NULL OR taken IS NOT NULL THEN
        RETURN;
    END IF;

    INSERT INTO idempotency_keys (scope, key, fingerprint, receipt, position, created_at)
    SELECT x.scope, x.key, x.fingerprint, x.receipt, base + x.events, append_batch.recorded_at
      FROM unnest(key_scopes, keys, key_fingerprints, key_receipts, key_offsets)
           AS x(scope, key, fingerprint, receipt, events)
     WHERE x.receipt IS NOT NULL;

    IF cardinality(event_ids) > 0 THEN
        INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                            payload, metadata, position, event_id, recorded_at)
        SELECT x.aggregate_type, x.aggregate_id, x.sequence, x.event_type, x.event_version,
               x.payload::json, metadatas[x.metadata_place]::json, base + x.place, x.event_id,
               append_batch.recorded_at
          FROM unnest(event_aggregate_types, event_aggregate_ids, event_sequences, event_types,
                      event_versions, event_payloads, event_ids, event_metadata_places)
               WITH ORDINALITY AS x(aggregate_type, aggregate_id, sequence, event_type, event_version,
                                    payload, event_id, metadata_place, place);
        PERFORM pg_notify('daybook_log', (base + cardinality(event_ids))::text);
    END IF;
END
$$;

-- The advisory lock that whoever appends holds.
CREATE FUNCTION log_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 4919131752989213764 $$;

-- Forgets answers that are older than the promised seven days, a bounded number a call.
CREATE FUNCTION forget_idempotency_keys(at_most int) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
    WITH old AS (
        SELECT ctid FROM idempotency_keys
         WHERE created_at < clock_timestamp() - interval '7 days'
         ORDER BY created_at LIMIT at_most),
    gone AS (DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM old) RETURNING 1)
    SELECT count(*) FROM gone
$$;
