-- Several accounts may be about to make the same guest's order their own. Each writes its row first; which of them counts,
-- the order's stream says.
ALTER TABLE claimed_orders DROP CONSTRAINT claimed_orders_pkey, ADD PRIMARY KEY (order_id, account);
