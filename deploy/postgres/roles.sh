#!/bin/sh
# Makes the database `daybook` and its three roles, with the rights that `./dev up` gives them:
#
#   daybook_owner    owns the database; `daybook migrate` logs in as it
#   daybook_app      `daybook serve` logs in as it; `daybook migrate` gives it what a server needs
#   daybook_analyst  reads the views for analysts, and nothing else
#
# It logs in as a superuser, in the way that psql is told by PGHOST, PGPORT, PGUSER and PGPASSWORD, or in the image of
# PostgreSQL, where it is run once, when the cluster is made. Repeating it makes what is missing and sets the passwords.
# It needs psql of PostgreSQL 15 or newer.
set -eu

: "${OWNER_PASSWORD:?is the password of daybook_owner}"
: "${APP_PASSWORD:?is the password of daybook_app}"
: "${ANALYST_PASSWORD:?is the password of daybook_analyst}"
ANALYST_SQL=${ANALYST_SQL:-$(dirname "$0")/../../migrations/roles/analyst.sql}
[ -r "$ANALYST_SQL" ] || { echo "roles.sh: ANALYST_SQL is not the path of migrations/roles/analyst.sql" >&2; exit 1; }
export OWNER_PASSWORD APP_PASSWORD ANALYST_PASSWORD ANALYST_SQL

# psql reads the passwords from the environment, so no list of processes shows them.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-${PGUSER:-postgres}}" --dbname postgres <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv app APP_PASSWORD
\getenv analyst ANALYST_PASSWORD
\getenv analyst_sql ANALYST_SQL
-- No log of the server shows them either.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';

SELECT 'CREATE ROLE daybook_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'daybook_owner') \gexec
SELECT 'CREATE ROLE daybook_app' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'daybook_app') \gexec
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'daybook_analyst') AS is_missing \gset
\if :is_missing
    \i :analyst_sql
\endif
ALTER ROLE daybook_owner LOGIN PASSWORD :'owner';
ALTER ROLE daybook_app LOGIN PASSWORD :'app';
ALTER ROLE daybook_analyst LOGIN PASSWORD :'analyst';

-- The cluster may have been made for another encoding: Debian's is, where the machine has no language. With C.UTF-8, no index
-- depends on the version of the C library, and trigrams know all letters.
SELECT 'CREATE DATABASE daybook OWNER daybook_owner TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8'''
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'daybook') \gexec
REVOKE ALL ON DATABASE daybook FROM PUBLIC;
GRANT CONNECT ON DATABASE daybook TO daybook_app;
\connect daybook
ALTER SCHEMA public OWNER TO daybook_owner;
SQL
