-- On the primary, once, before its replica is made.
CREATE ROLE referral LOGIN PASSWORD '${DATABASE_PASSWORD}';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '${REPLICATION_PASSWORD}';
CREATE DATABASE referral OWNER referral;
