-- Requests, their append-only log, the agents' queue, catalogs, agents, proofs seen.

CREATE TABLE requests (
    rid         TEXT    PRIMARY KEY,
    rh          TEXT    NOT NULL UNIQUE,
    version     INTEGER NOT NULL,           -- sequence number of the request's last event
    agent       TEXT    NOT NULL,
    database    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    iss         TEXT    NOT NULL,
    sub         TEXT    NOT NULL,
    email       TEXT,
    reason      TEXT    NOT NULL,
    summary     TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    exp         INTEGER NOT NULL,
    ttl         INTEGER,
    record      TEXT    NOT NULL,
    identity    TEXT,                       -- JSON with ID tokens: gone when the request is final
    decision    TEXT,                       -- JSON
    progress    TEXT    NOT NULL,           -- JSON
    approvals   TEXT    NOT NULL,           -- JSON
    admission   TEXT,
    refusal     TEXT,
    credential  TEXT,
    deletion    TEXT,
    login       TEXT,
    not_after   INTEGER,
    end_cause   TEXT,
    code        TEXT,
    message     TEXT,
    hint        TEXT
) STRICT;

CREATE INDEX requests_by_requestor ON requests (iss, sub, created);
CREATE INDEX requests_to_lapse ON requests (exp) WHERE state IN ('submitted', 'pending', 'approved');

-- Who may review a request, by what a verified identity shows: a group or an address of an issuer, a subject.
CREATE TABLE reviewers (
    key TEXT NOT NULL,
    rid TEXT NOT NULL REFERENCES requests,
    PRIMARY KEY (key, rid)
) STRICT, WITHOUT ROWID;

CREATE INDEX reviewers_by_request ON reviewers (rid);

CREATE TABLE events (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    rid   TEXT    NOT NULL REFERENCES requests,
    at    INTEGER NOT NULL,
    type  TEXT    NOT NULL,
    state TEXT    NOT NULL,
    actor TEXT,
    data  TEXT    NOT NULL                  -- JSON
) STRICT;

CREATE INDEX events_by_request ON events (rid, seq);

CREATE TRIGGER events_stay BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER events_remain BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

CREATE TABLE jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    job         TEXT    NOT NULL UNIQUE,
    rid         TEXT    NOT NULL REFERENCES requests,
    agent       TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    act_hash    TEXT    NOT NULL UNIQUE,    -- the record that made it: one job for one act
    act         TEXT,                       -- JSON with ID tokens: gone when the job is done
    actor       TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    lease       TEXT,
    lease_until INTEGER,
    deliveries  INTEGER NOT NULL DEFAULT 0,
    done_at     INTEGER,
    outcome     TEXT,
    code        TEXT,
    message     TEXT,
    hint        TEXT
) STRICT;

CREATE INDEX jobs_open ON jobs (agent, number) WHERE done_at IS NULL;
CREATE INDEX jobs_open_by_request ON jobs (rid, number) WHERE done_at IS NULL;

CREATE TABLE catalogs (
    database TEXT    PRIMARY KEY,
    agent    TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    catalog  TEXT    NOT NULL
) STRICT;

CREATE TABLE agents (
    thumbprint   TEXT    PRIMARY KEY,
    seen         INTEGER NOT NULL,
    rules_sha256 TEXT,
    software     TEXT,
    head         TEXT                       -- JSON: the last head of its evidence log
) STRICT;

CREATE TABLE proofs (
    key   TEXT    NOT NULL,
    jti   TEXT    NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (key, jti)
) STRICT, WITHOUT ROWID;

CREATE INDEX proofs_to_forget ON proofs (until);
