-- One row a request. Times are seconds since the epoch; records are JWS texts as they were signed; `attempt` counts how
-- often the login was given a password, so that only the last one can be sealed. The OIDs are what is left of a role in
-- sessions and catalogs once its name is gone; `granted` is what the set role holds (JSON), `settings` the login's: what
-- others change is put right by them.
CREATE TABLE p0.request (
  rh text PRIMARY KEY,
  rid text NOT NULL UNIQUE,
  database text NOT NULL,
  stage text NOT NULL CHECK (stage IN (
    'claimed', 'admitted', 'approved', 'provisioned', 'sealed', 'ending', 'ended',
    'refused', 'denied', 'cancelled', 'lapsed', 'needs_changes')),
  request text NOT NULL,
  admission text,
  refusal text,
  credential text,
  deletion text,
  login text UNIQUE,
  set_role text,
  login_oid bigint,
  set_oid bigint,
  granted text,
  settings text[],
  not_after bigint,
  attempt integer NOT NULL DEFAULT 0,
  cause text,
  claimed_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  CHECK ((login IS NULL) = (not_after IS NULL) AND (login IS NULL) = (set_role IS NULL)),
  CHECK ((login IS NULL) = (granted IS NULL)),
  CHECK ((login_oid IS NULL) = (set_oid IS NULL) AND (login IS NOT NULL OR login_oid IS NULL)),
  CHECK (login IS NOT NULL OR stage NOT IN ('provisioned', 'sealed', 'ending', 'ended')),
  CHECK (credential IS NOT NULL OR stage <> 'sealed')
);
CREATE INDEX request_live ON p0.request (not_after) WHERE stage IN ('provisioned', 'sealed', 'ending');
CREATE INDEX request_open ON p0.request (claimed_at) WHERE stage IN ('claimed', 'admitted', 'approved');

CREATE TABLE p0.approval (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rh text NOT NULL REFERENCES p0.request,
  h text NOT NULL UNIQUE,
  decision text NOT NULL CHECK (decision IN ('approve', 'deny')),
  record text NOT NULL,
  verified text NOT NULL,
  at bigint NOT NULL
);
COMMENT ON COLUMN p0.approval.verified IS 'What the agent verified of it on arrival, while its tokens were fresh';
CREATE INDEX approval_of_request ON p0.approval (rh, n);

CREATE FUNCTION p0.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $p0$
BEGIN
  RAISE EXCEPTION 'approvals are append-only' USING ERRCODE = 'restrict_violation';
END
$p0$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON p0.approval
  FOR EACH STATEMENT EXECUTE FUNCTION p0.refuse();

CREATE TABLE p0.chain ();
COMMENT ON TABLE p0.chain IS 'Locked by the agent that is adding to the evidence log';
