-- no-transaction
-- What fails, by since when.
CREATE INDEX CONCURRENTLY IF NOT EXISTS effects_failing ON effects (lane, failing_since) WHERE state = 'pending' AND failing_since IS NOT NULL;
