-- no-transaction
-- What a lane has to do, by when it is due.
CREATE INDEX CONCURRENTLY IF NOT EXISTS effects_by_lane ON effects (lane, due_at) WHERE state = 'pending';
