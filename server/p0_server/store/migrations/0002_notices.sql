-- Notices on their way: written with the event that they are about, kept until they are delivered or given up.

CREATE TABLE notices (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,           -- the same at each attempt, so that a receiver can tell a repetition
    target   TEXT    NOT NULL,                  -- a name in the configuration
    seq      INTEGER NOT NULL REFERENCES events,
    due      INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state    TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    settled  INTEGER,
    problem  TEXT
) STRICT;

CREATE INDEX notices_due ON notices (target, due) WHERE state = 'waiting';
CREATE INDEX notices_left ON notices (target, state) WHERE state <> 'sent';
CREATE INDEX notices_to_forget ON notices (settled) WHERE state = 'sent';

-- What a running server last said of itself, for whoever examines it from outside.
CREATE TABLE remarks (
    about TEXT    PRIMARY KEY,
    at    INTEGER NOT NULL,
    said  TEXT    NOT NULL                      -- JSON
) STRICT, WITHOUT ROWID;
