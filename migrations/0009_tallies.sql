-- A tally keeps sums over its rows. Behind the rows, a pass of the auditor compares these with them.

-- How far it is there; NULL while it is with the rows.
ALTER TABLE row_audits ADD COLUMN sums_after text;
