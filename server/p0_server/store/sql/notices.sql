-- name: insert_notice
INSERT INTO notices (id, target, seq, due) VALUES (:id, :target, :seq, :due) ON CONFLICT DO NOTHING;

-- name: due_notices
SELECT notices.* FROM notices
WHERE target = :target AND state = 'waiting' AND due <= :now
ORDER BY due, number LIMIT :limit;

-- name: undelivered_notices
SELECT notices.*, events.rid, events.type
FROM notices JOIN events USING (seq)
WHERE notices.state <> 'sent' AND (notices.state = 'dead' OR notices.attempts > 0)
ORDER BY +number DESC LIMIT :limit;  -- +: sorted after the few were found, not found by walking through all

-- name: event
SELECT * FROM events WHERE seq = :seq;

-- name: settle_notice
UPDATE notices
SET attempts = attempts + 1, state = :state, due = :due, settled = :settled, problem = :problem
WHERE number = :number AND state = 'waiting';

-- name: revive_notices
UPDATE notices SET state = 'waiting', attempts = 0, due = :now, settled = NULL
WHERE state <> 'sent' AND state = 'dead';  -- the first for the index, which is of all that were not sent

-- name: forget_notices
DELETE FROM notices WHERE state = 'sent' AND settled < :before;

-- name: count_notices
SELECT target, state, count(*) AS notices FROM notices WHERE state <> 'sent' GROUP BY target, state ORDER BY target;

-- name: put_remark
INSERT INTO remarks (about, at, said) VALUES (:about, :at, :said)
ON CONFLICT (about) DO UPDATE SET at = excluded.at, said = excluded.said;

-- name: remark
SELECT * FROM remarks WHERE about = :about;
