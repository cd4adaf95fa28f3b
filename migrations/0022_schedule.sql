-- The ledger of effects is a schedule: an effect belongs to a lane, may be due later, and may have to wait for others. The
-- release before this one writes rows without these columns, all of them of the lane that is the default. Its claims need
-- the index effects_due, and so do lists of what waits.
ALTER TABLE effects
    ADD COLUMN lane text NOT NULL DEFAULT 'post',
    -- Effects with the same key are performed in the order of their events: each when those before it are done or given up.
    ADD COLUMN order_key text COLLATE "C",
    -- What it is about, such as an order.
    ADD COLUMN subject text COLLATE "C",
    -- Since when its tries have failed, if the last one has.
    ADD COLUMN failing_since timestamptz;
