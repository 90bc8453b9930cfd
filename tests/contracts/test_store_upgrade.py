"""A store that an older server has filled: after the upgrade every row is there, and it goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from p0_access.messages.identity import Identity
from p0_access.messages.records import LogHead
from p0_access.messages.views import State
from p0_server.store.migrations import steps
from p0_server.store.records import (
    NewEvent,
    NewJob,
    Remark,
    StandIn,
    StoredAgent,
    StoredCatalog,
    StoredRequest,
    UsedProof,
    Viewer,
)
from p0_server.store.sqlite import SqliteStore

NOW = 1_800_000_000
REQUEST = StoredRequest(
    rid="r-00001",
    rh="hash",
    agent="agent",
    database="mydatabase",
    state=State.SUBMITTED,
    iss="iss",
    sub="ada",
    email="ada@corp.example",
    reason="Straße",
    summary="select 1",
    created=NOW,
    updated=NOW,
    exp=NOW + 100,
    ttl=60,
    record="jws",
    identity=Identity(bind="bind", id_token="token"),
)

Tables = dict[str, tuple[tuple[str, ...], list[tuple[object, ...]]]]


async def filled(path: Path) -> None:
    """A store with something in each of its tables."""
    store = await SqliteStore.open(path, notify=lambda request, event: ("hook",))
    try:
        event = NewEvent(at=NOW, type="submitted", state=State.SUBMITTED, actor="ada", data={"a": [1, None]})
        job = NewJob(
            job="job", agent="agent", kind="admit", act_hash="hash", act=None, actor="ada@corp.example", created=NOW
        )
        absent = tuple(StandIn(key="sam", as_key=key, until=NOW + 100) for key in ("pat", "pim"))
        reviewers = frozenset({"pat", "pim"})
        await store.create(REQUEST, event, job, reviewers=reviewers, open_limit=1, stand_ins=absent)
        await store.claim("agent", now=NOW, until=NOW + 60, leases=("lease",))
        await store.put_catalog(
            StoredCatalog(database="mydatabase", agent="agent", version="1", at=NOW, record="jws", catalog="{}")
        )
        await store.heard(StoredAgent(thumbprint="agent", seen=NOW, rules_sha256="sha", head=LogHead(n=7, h="h")))
        await store.keep_proof(UsedProof(key="key", jti="jti", until=NOW + 60))
        await store.remark(Remark(about="rules", at=NOW, said={"problems": []}))
    finally:
        await store.close()


def rows(path: Path) -> Tables:
    """What is in each table, by its columns."""
    with closing(sqlite3.connect(path)) as db:
        named = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        found: Tables = {}
        for (table,) in named.fetchall():
            columns = tuple(sorted(row[1] for row in db.execute(f"PRAGMA table_info({table})")))
            found[table] = columns, sorted(db.execute(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)
        return found


def made_by(version: int, path: Path, content: Tables) -> None:
    """A store by the schema of that version, with as much of `content` as it has a place for."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
        for number in range(1, version + 1):
            db.executescript(steps()[number])
            db.execute("INSERT INTO schema_version VALUES (?)", (number,))
        for table, (columns, kept) in content.items():
            has = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            if table == "schema_version" or not has:
                continue
            shared = [place for place, column in enumerate(columns) if column in has]
            into = f"{table} ({', '.join(columns[place] for place in shared)})"
            values = ", ".join("?" for _ in shared)
            db.executemany(f"INSERT INTO {into} VALUES ({values})", [[row[at] for at in shared] for row in kept])


@pytest.mark.parametrize("version", range(1, len(steps())))
async def test_an_older_store_keeps_its_rows_and_goes_on(tmp_path: Path, version: int) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    await filled(new)
    content = rows(new)
    assert [table for table, (_, kept) in content.items() if not kept] == []
    made_by(version, old, content)
    kept = rows(old)

    store = await SqliteStore.open(old)
    try:
        found = await store.request(REQUEST.rid)
        viewer = Viewer(iss=REQUEST.iss, sub=REQUEST.sub, keys=frozenset(), ends=frozenset())
        ((listed, _),) = await store.requests("mine", viewer, 9)
        assert found == listed
        assert (listed.reason, listed.identity) == (REQUEST.reason, REQUEST.identity)
        absent = await store.stood_in_for(frozenset({"sam"}), NOW)
        assert absent == (frozenset({"pat", "pim"}) if "stand_ins" in kept else frozenset())
    finally:
        await store.close()

    after = rows(old)
    assert after.pop("schema_version")[1] == [(number,) for number in range(1, len(steps()) + 1)]
    assert {table: columns for table, (columns, _) in after.items()} == {
        table: columns for table, (columns, _) in content.items() if table != "schema_version"
    }
    for table in kept.keys() & after.keys():
        (columns, before), (all_columns, now) = kept[table], after[table]
        places = [all_columns.index(column) for column in columns]
        assert [tuple(row[place] for place in places) for row in now] == before
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
