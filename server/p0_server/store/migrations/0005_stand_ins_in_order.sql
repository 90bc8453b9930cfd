-- The key's columns first: `PRAGMA quick_check` of SQLite up to 3.40 reads NOT NULL from the wrong column of a table WITHOUT
-- ROWID that has them elsewhere, and takes a store that is whole for a damaged one.

CREATE TABLE stand_ins_in_order (
    key    TEXT    NOT NULL,
    as_key TEXT    NOT NULL,
    rid    TEXT    NOT NULL REFERENCES requests,
    until  INTEGER NOT NULL,
    PRIMARY KEY (key, as_key, rid)
) STRICT, WITHOUT ROWID;

INSERT INTO stand_ins_in_order (key, as_key, rid, until) SELECT key, as_key, rid, until FROM stand_ins;
DROP TABLE stand_ins;
ALTER TABLE stand_ins_in_order RENAME TO stand_ins;

CREATE INDEX stand_ins_by_delegation ON stand_ins (rid);
