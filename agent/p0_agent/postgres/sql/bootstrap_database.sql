-- This database is entered by grant only. Logins that came in by PUBLIC's privilege lose it here: grant CONNECT to those
-- that need it.
REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {broker} WITH GRANT OPTION;
GRANT CONNECT ON DATABASE {database} TO {agent}, {reader};

-- The agent's own schema: here its lock, and in its home database its ledger.
CREATE SCHEMA IF NOT EXISTS p0 AUTHORIZATION {broker};
REVOKE ALL ON SCHEMA p0 FROM PUBLIC;
CREATE TABLE IF NOT EXISTS p0.writer ();
ALTER TABLE p0.writer OWNER TO {broker};
COMMENT ON TABLE p0.writer IS 'Locked by the agent that is granting or revoking';
