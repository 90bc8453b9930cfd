-- name: insert_request
INSERT INTO requests (rid, rh, version, agent, database, state, iss, sub, email, reason, summary, created, updated,
    exp, ttl, record, identity, decision, progress, approvals, admission, refusal, credential, deletion, login,
    not_after, end_cause, code, message, hint)
VALUES (:rid, :rh, :version, :agent, :database, :state, :iss, :sub, :email, :reason, :summary, :created, :updated,
    :exp, :ttl, :record, :identity, :decision, :progress, :approvals, :admission, :refusal, :credential, :deletion, :login,
    :not_after, :end_cause, :code, :message, :hint)
ON CONFLICT DO NOTHING;

-- name: update_request
UPDATE requests
SET state = :state, updated = :updated, identity = :identity, progress = :progress, approvals = :approvals,
    admission = :admission, refusal = :refusal, credential = :credential, deletion = :deletion, login = :login,
    not_after = :not_after, end_cause = :end_cause, code = :code, message = :message, hint = :hint
WHERE rid = :rid AND version = :version;

-- name: set_version
UPDATE requests SET version = :version WHERE rid = :rid;

-- name: request
SELECT * FROM requests WHERE rid = :rid;

-- name: request_by_hash
SELECT * FROM requests WHERE rh = :rh;

-- name: count_open
SELECT count(*) FROM requests
WHERE iss = :iss AND sub = :sub AND state IN ('submitted', 'pending', 'approved');

-- name: insert_reviewer
INSERT INTO reviewers (key, rid) VALUES (:key, :rid) ON CONFLICT DO NOTHING;

-- name: reviewers
SELECT key FROM reviewers WHERE rid = :rid;

-- name: requests_mine
SELECT requests.*, 0 AS reviewer FROM requests
WHERE iss = :iss AND sub = :sub
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: requests_to_review
SELECT requests.*, 1 AS reviewer FROM requests
WHERE state = 'pending' AND NOT (iss = :iss AND sub = :sub)
  AND rid IN (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:keys)))
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: requests_all
WITH reviewed AS (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:keys)))
SELECT requests.*, rid IN reviewed AS reviewer FROM requests
WHERE rid IN (SELECT rid FROM reviewed UNION SELECT rid FROM requests WHERE iss = :iss AND sub = :sub)
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: to_lapse
SELECT * FROM requests
WHERE state IN ('submitted', 'pending', 'approved') AND exp <= :now
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.rid = requests.rid AND done_at IS NULL AND lease_until > :now)
ORDER BY exp LIMIT :limit;
