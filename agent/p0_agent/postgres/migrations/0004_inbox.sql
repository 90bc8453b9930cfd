-- Signed acts that somebody hands over beside the server, which may be holding them back.
CREATE TABLE p0.inbox (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body text NOT NULL CHECK (octet_length(body) <= 1048576),
  answer text,
  answered_at bigint,
  CHECK ((answer IS NULL) = (answered_at IS NULL))
);
COMMENT ON TABLE p0.inbox IS 'Put in what p0 revoke --to-file writes; the answer comes into its row';
CREATE INDEX inbox_waiting ON p0.inbox (n) WHERE answer IS NULL;
