-- Allowances and delegations are kept like requests, with the same queue and log; what follows a request has columns.

ALTER TABLE requests ADD COLUMN kind TEXT NOT NULL DEFAULT 'request' CHECK (kind IN ('request', 'allow', 'delegation'));
ALTER TABLE requests ADD COLUMN used INTEGER NOT NULL DEFAULT 0;        -- requests that an allowance was counted for
ALTER TABLE requests ADD COLUMN escalate_at INTEGER;                    -- when more people may approve
ALTER TABLE requests ADD COLUMN review_due INTEGER;                     -- of an emergency, once it has begun
ALTER TABLE requests ADD COLUMN reviewed_by TEXT;
ALTER TABLE requests ADD COLUMN struck TEXT NOT NULL DEFAULT '[]';      -- JSON: what approvers took away, in words
ALTER TABLE requests ADD COLUMN extension TEXT;                         -- the agent's record of the last one

CREATE INDEX requests_to_escalate ON requests (escalate_at) WHERE escalate_at IS NOT NULL;
CREATE INDEX mandates_to_expire ON requests (exp) WHERE kind <> 'request' AND state = 'active';

-- Who stands in for whom: a viewer with the key sees what one with as_key would.
CREATE TABLE stand_ins (
    key    TEXT    NOT NULL,
    as_key TEXT    NOT NULL,
    until  INTEGER NOT NULL,
    rid    TEXT    NOT NULL REFERENCES requests,
    PRIMARY KEY (key, as_key, rid)
) STRICT, WITHOUT ROWID;

CREATE INDEX stand_ins_by_delegation ON stand_ins (rid);
