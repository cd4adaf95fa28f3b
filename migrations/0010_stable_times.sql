-- Old answers are found by an index only if the time that they are compared with is the same for the whole
-- statement, which clock_timestamp() isn't.
CREATE OR REPLACE FUNCTION forget_idempotency_keys(at_most int) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
    WITH old AS (
        SELECT ctid FROM idempotency_keys
         WHERE created_at < statement_timestamp() - interval '7 days'
         ORDER BY created_at LIMIT at_most),
    gone AS (DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM old) RETURNING 1)
    SELECT count(*) FROM gone
$$;
