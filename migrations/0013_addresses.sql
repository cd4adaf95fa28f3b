-- Where a request came from. Release 0.1.0 doesn't say, and no record of before does.
ALTER TABLE audit ADD COLUMN address inet;
