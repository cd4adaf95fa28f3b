-- no-transaction
-- What is done, by when it was: such rows are deleted after a time.
CREATE INDEX CONCURRENTLY IF NOT EXISTS effects_done ON effects (lane, finished_at) WHERE state = 'done';
