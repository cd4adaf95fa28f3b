-- The role that analysts log in as. It may read the views of the schema analytics and nothing else; its limits keep one
-- query from standing in the way of the shop. It has no password until an operator sets one.
CREATE ROLE daybook_analyst LOGIN CONNECTION LIMIT 5;
ALTER ROLE daybook_analyst SET default_transaction_read_only = on;
ALTER ROLE daybook_analyst SET statement_timeout = '60s';
ALTER ROLE daybook_analyst SET lock_timeout = '5s';
ALTER ROLE daybook_analyst SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE daybook_analyst SET search_path = analytics;
ALTER ROLE daybook_analyst SET timezone = 'UTC';
