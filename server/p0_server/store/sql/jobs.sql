-- name: insert_job
INSERT INTO jobs (job, rid, agent, kind, act_hash, act, actor, created)
VALUES (:job, :rid, :agent, :kind, :act_hash, :act, :actor, :created)
ON CONFLICT DO NOTHING;

-- name: job
SELECT * FROM jobs WHERE job = :job;

-- name: job_of_act
SELECT * FROM jobs WHERE act_hash = :act_hash;

-- name: finish_job
UPDATE jobs
SET done_at = :now, act = NULL, outcome = :outcome, code = :code, message = :message, hint = :hint
WHERE job = :job AND lease = :lease AND done_at IS NULL;

-- name: close_jobs
UPDATE jobs SET done_at = :now, act = NULL, outcome = 'closed' WHERE rid = :rid AND done_at IS NULL;

-- name: claimable
SELECT job, rid FROM jobs AS mine
WHERE agent = :agent AND done_at IS NULL AND (lease_until IS NULL OR lease_until <= :now)
  AND NOT EXISTS (
      SELECT 1 FROM jobs AS earlier
      WHERE earlier.rid = mine.rid AND earlier.number < mine.number AND earlier.done_at IS NULL
        AND (mine.kind <> 'end' OR earlier.deliveries = 0))
ORDER BY number LIMIT :limit;

-- name: release_jobs
UPDATE jobs SET lease_until = :now WHERE agent = :agent AND done_at IS NULL AND lease_until > :now;

-- name: lease_job
UPDATE jobs SET lease = :lease, lease_until = :until, deliveries = deliveries + 1 WHERE job = :job;
