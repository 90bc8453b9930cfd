-- name: put_catalog
INSERT INTO catalogs (database, agent, version, at, record, catalog)
VALUES (:database, :agent, :version, :at, :record, :catalog)
ON CONFLICT (database) DO UPDATE
SET agent = excluded.agent, version = excluded.version, at = excluded.at, record = excluded.record,
    catalog = excluded.catalog
WHERE excluded.at >= catalogs.at OR excluded.agent <> catalogs.agent;

-- name: catalog
SELECT * FROM catalogs WHERE database = :database;

-- name: catalog_versions
SELECT database, agent, version FROM catalogs ORDER BY database;

-- name: heard
INSERT INTO agents (thumbprint, seen, rules_sha256, software, head)
VALUES (:thumbprint, :seen, :rules_sha256, :software, :head)
ON CONFLICT (thumbprint) DO UPDATE
SET seen = max(seen, excluded.seen), rules_sha256 = coalesce(excluded.rules_sha256, rules_sha256),
    software = coalesce(excluded.software, software), head = coalesce(excluded.head, head);

-- name: agents
SELECT * FROM agents ORDER BY thumbprint;

-- name: proofs
SELECT key, jti, until FROM proofs WHERE until >= :now ORDER BY until;

-- name: keep_proof
INSERT INTO proofs (key, jti, until) VALUES (:key, :jti, :until) ON CONFLICT DO NOTHING;

-- name: forget_proofs
DELETE FROM proofs WHERE until < :now;
