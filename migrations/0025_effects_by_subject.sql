-- no-transaction
-- What was done about an order, for example.
CREATE INDEX CONCURRENTLY IF NOT EXISTS effects_by_subject ON effects (subject) WHERE subject IS NOT NULL;
