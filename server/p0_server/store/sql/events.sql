-- name: insert_event
INSERT INTO events (rid, at, type, state, actor, data) VALUES (:rid, :at, :type, :state, :actor, :data);

-- name: events
SELECT events.*, requests.iss, requests.sub,
    (SELECT json_group_array(key) FROM reviewers WHERE reviewers.rid = events.rid) AS reviewers
FROM events JOIN requests USING (rid)
WHERE seq > :after
ORDER BY seq LIMIT :limit;

-- name: events_of_request
SELECT events.*, requests.iss, requests.sub,
    (SELECT json_group_array(key) FROM reviewers WHERE reviewers.rid = events.rid) AS reviewers
FROM events JOIN requests USING (rid)
WHERE events.rid = :rid AND seq > :after
ORDER BY seq LIMIT :limit;

-- name: last_seq
SELECT coalesce(max(seq), 0) FROM events;
