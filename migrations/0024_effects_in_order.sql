-- no-transaction
-- Which effect of a key comes first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS effects_in_order ON effects (order_key, position) WHERE state = 'pending' AND order_key IS NOT NULL;
