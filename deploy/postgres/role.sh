#!/bin/bash
# Runs once, when the database is made: the service owns its database and is no superuser.
set -euo pipefail
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
    --set=password="$(cat /run/secrets/postgres_password)" <<'SQL'
CREATE ROLE referral LOGIN PASSWORD :'password';
CREATE DATABASE referral OWNER referral;
REVOKE CONNECT ON DATABASE referral FROM PUBLIC;
-- Superusers come by the socket in the container, where they need none.
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
