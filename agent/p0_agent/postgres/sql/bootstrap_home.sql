
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
REVOKE ALL ON SCHEMA p0_evidence FROM PUBLIC, {broker}, {agent};
GRANT USAGE ON SCHEMA p0_evidence TO {keeper};
REVOKE ALL ON p0_evidence.log FROM PUBLIC, {broker}, {agent};
GRANT SELECT, INSERT ON p0_evidence.log TO {keeper};

-- Whether a login still has the password that the agent gave it: one of its names only, and only yes or no. What a login did to
-- its own password can be seen by a superuser alone, so where there is none this is left out.
DO $p0$
BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    DROP FUNCTION IF EXISTS p0.verifier_is(text, bytea);
    CREATE FUNCTION p0.verifier_is(role text, sha256 bytea) RETURNS boolean LANGUAGE sql STABLE STRICT SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp
    AS $verifier$
      SELECT EXISTS (SELECT FROM pg_catalog.pg_authid a WHERE a.rolname = role AND a.rolname ~ {login_pattern}
        AND pg_catalog.sha256(pg_catalog.convert_to(a.rolpassword, 'UTF8')) = sha256)
    $verifier$;
    REVOKE ALL ON FUNCTION p0.verifier_is(text, bytea) FROM PUBLIC;
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION p0.verifier_is(text, bytea) TO %I', {keeper_name});
  ELSE
    RAISE WARNING 'not made: p0.verifier_is, which takes a superuser';
  END IF;
END
$p0$;
