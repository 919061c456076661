-- At the primary, once: psql -v replicator=… -v waypost=… -v app=… -f roles.sql
CREATE ROLE replicator REPLICATION LOGIN PASSWORD :'replicator';
CREATE ROLE waypost LOGIN PASSWORD :'waypost' CONNECTION LIMIT 20;
CREATE ROLE app LOGIN PASSWORD :'app';
CREATE DATABASE app OWNER app;
