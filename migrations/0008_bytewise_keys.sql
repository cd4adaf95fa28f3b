-- Keys are compared byte by byte, whatever language the database was made for. A newer version of the
-- operating system's collations can't make an index of the log wrong, and what sorts here sorts elsewhere.

ALTER TABLE events
    ALTER COLUMN aggregate_type TYPE text COLLATE "C",
    ALTER COLUMN aggregate_id   TYPE text COLLATE "C";

ALTER TABLE idempotency_keys
    ALTER COLUMN scope TYPE text COLLATE "C",
    ALTER COLUMN key   TYPE text COLLATE "C";

ALTER TABLE snapshots
    ALTER COLUMN aggregate_type TYPE text COLLATE "C",
    ALTER COLUMN aggregate_id   TYPE text COLLATE "C";

ALTER TABLE person_keys
    ALTER COLUMN owner TYPE text COLLATE "C";
