-- What is signed in advance and stands for a while, how often it was used, and the reviews that emergencies wait for.
CREATE TABLE p0.mandate (
  h text PRIMARY KEY,
  rid text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('allow', 'delegation')),
  database text,
  record text NOT NULL,
  verified text NOT NULL,
  uses integer,
  begins bigint NOT NULL,
  ends bigint NOT NULL,
  at bigint NOT NULL,
  withdrawn_at bigint,
  CHECK ((kind = 'allow') = (uses IS NOT NULL) AND (kind = 'allow') = (database IS NOT NULL))
);
COMMENT ON COLUMN p0.mandate.verified IS 'Who signed it, as verified on arrival, while the tokens were fresh';
CREATE INDEX mandate_standing ON p0.mandate (ends) WHERE withdrawn_at IS NULL;

CREATE TABLE p0.mandate_use (
  h text NOT NULL REFERENCES p0.mandate,
  rh text NOT NULL REFERENCES p0.request,
  at bigint NOT NULL,
  PRIMARY KEY (h, rh)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON p0.mandate_use
  FOR EACH STATEMENT EXECUTE FUNCTION p0.refuse();

CREATE TABLE p0.review (
  rh text PRIMARY KEY REFERENCES p0.request,
  noticed_at bigint NOT NULL,
  record text,
  verified text,
  reviewed_at bigint
);
COMMENT ON TABLE p0.review IS 'Emergencies: the notice that was sent before, and who looked at it afterwards';

-- A request that made the login of another last longer has no login of its own.
ALTER TABLE p0.request DROP CONSTRAINT request_stage_check;
ALTER TABLE p0.request ADD CONSTRAINT request_stage_check CHECK (stage IN (
  'claimed', 'admitted', 'approved', 'provisioned', 'sealed', 'ending', 'ended',
  'refused', 'denied', 'cancelled', 'lapsed', 'needs_changes', 'extended'));
