-- name: insert_request
INSERT INTO requests (rid, rh, version, agent, database, state, iss, sub, email, reason, summary, created, updated,
    exp, ttl, record, identity, decision, progress, approvals, admission, refusal, credential, deletion, login,
    not_after, end_cause, code, message, hint, kind, used, escalate_at, review_due, reviewed_by, struck, extension)
VALUES (:rid, :rh, :version, :agent, :database, :state, :iss, :sub, :email, :reason, :summary, :created, :updated,
    :exp, :ttl, :record, :identity, :decision, :progress, :approvals, :admission, :refusal, :credential, :deletion, :login,
    :not_after, :end_cause, :code, :message, :hint, :kind, :used, :escalate_at, :review_due, :reviewed_by, :struck,
    :extension)
ON CONFLICT DO NOTHING;

-- name: update_request
UPDATE requests
SET state = :state, updated = :updated, identity = :identity, progress = :progress, approvals = :approvals,
    admission = :admission, refusal = :refusal, credential = :credential, deletion = :deletion, login = :login,
    not_after = :not_after, end_cause = :end_cause, code = :code, message = :message, hint = :hint, exp = :exp,
    used = :used, escalate_at = :escalate_at, review_due = :review_due, reviewed_by = :reviewed_by, struck = :struck,
    extension = :extension
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
WHERE iss = :iss AND sub = :sub AND kind = 'request'
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: requests_to_review
SELECT requests.*, 1 AS reviewer FROM requests
WHERE (state = 'pending' OR (review_due IS NOT NULL AND reviewed_by IS NULL))
  AND kind = 'request' AND NOT (iss = :iss AND sub = :sub)
  AND rid IN (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:keys)))
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: requests_all
WITH reviewed AS (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:keys))),
    seen AS (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:seen)))
SELECT requests.*, rid IN reviewed AS reviewer FROM requests
WHERE rid IN (SELECT rid FROM seen UNION SELECT rid FROM requests WHERE iss = :iss AND sub = :sub)
  AND kind = 'request'
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: requests_mandates
WITH named AS (SELECT rid FROM reviewers WHERE key IN (SELECT value FROM json_each(:keys)))
SELECT requests.*, rid IN named AS reviewer FROM requests
WHERE rid IN (SELECT rid FROM named UNION SELECT rid FROM requests WHERE iss = :iss AND sub = :sub)
  AND kind <> 'request'
ORDER BY created DESC, version DESC LIMIT :limit;

-- name: to_escalate
SELECT * FROM requests WHERE escalate_at <= :now AND state = 'pending' ORDER BY escalate_at LIMIT :limit;

-- name: to_expire
SELECT * FROM requests WHERE kind <> 'request' AND state = 'active' AND exp <= :now ORDER BY exp LIMIT :limit;

-- name: insert_stand_in
INSERT INTO stand_ins (key, as_key, until, rid) VALUES (:key, :as_key, :until, :rid) ON CONFLICT DO NOTHING;

-- name: delete_stand_ins
DELETE FROM stand_ins WHERE rid = :rid;

-- name: stood_in_for
SELECT DISTINCT as_key FROM stand_ins WHERE key IN (SELECT value FROM json_each(:keys)) AND until > :now;

-- name: to_lapse
SELECT * FROM requests
WHERE state IN ('submitted', 'pending', 'approved') AND exp <= :now
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.rid = requests.rid AND done_at IS NULL AND lease_until > :now)
ORDER BY exp LIMIT :limit;
