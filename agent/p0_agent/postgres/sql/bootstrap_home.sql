
-- The evidence log is append-only by privilege (its owner is whoever runs this) and by trigger.
CREATE SCHEMA IF NOT EXISTS p0_evidence;
CREATE TABLE IF NOT EXISTS p0_evidence.log (
  n bigint PRIMARY KEY CHECK (n >= 0),
  at bigint NOT NULL,
  kind text NOT NULL,
  body text NOT NULL,
  h bytea NOT NULL CHECK (length(h) = 32)
);
COMMENT ON TABLE p0_evidence.log IS 'h = SHA-256(1, h of n-1, SHA-256(0, n, at, kind, body))';
CREATE OR REPLACE FUNCTION p0_evidence.refuse() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  RAISE EXCEPTION 'the evidence log is append-only' USING ERRCODE = 'restrict_violation';
END
$p0$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON p0_evidence.log
  FOR EACH STATEMENT EXECUTE FUNCTION p0_evidence.refuse();
ALTER TABLE p0_evidence.log ENABLE ALWAYS TRIGGER append_only;
REVOKE ALL ON SCHEMA p0_evidence FROM PUBLIC;
GRANT USAGE ON SCHEMA p0_evidence TO {broker};
REVOKE ALL ON p0_evidence.log FROM PUBLIC, {broker};
GRANT SELECT, INSERT ON p0_evidence.log TO {broker};
