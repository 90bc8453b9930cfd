-- What a login's password was stored as, hashed: a login can change its own password, and hand itself on.
ALTER TABLE p0.request ADD COLUMN verifier_sha256 bytea;
