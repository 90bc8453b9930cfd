
-- Before PostgreSQL 16, CREATEROLE can grant itself pg_execute_server_program: guard this account like the server's own.
GRANT {broker} TO {agent};
ALTER ROLE {agent} SET role = {broker_name};
