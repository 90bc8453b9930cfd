"""The evidence log: it only grows, and every change that somebody forces shows."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from psycopg import errors as sqlstate

from fix_postgres import AGENT_KEY, NOW, THUMBPRINT, Managed, managing
from p0_access.encoding import b64u
from p0_access.proof.evidence import examine
from p0_agent.postgres.errors import EvidenceError
from p0_agent.postgres.evidence import Evidence


@pytest.fixture
async def evidence(managed: Managed) -> Evidence:
    """With three entries after the genesis."""
    for number in range(3):
        await managed.cluster.evidence.append("request", f"jws {number} ü", NOW + number)
    return managed.cluster.evidence


async def test_the_chain_is_as_documented(evidence: Evidence) -> None:
    """Computed here by hand, from the definition in the protocol."""
    previous = bytes(32)
    for n, at, kind, body in [
        (0, NOW, "genesis", THUMBPRINT),
        (1, NOW, "request", "jws 0 ü"),
        (2, NOW + 1, "request", "jws 1 ü"),
        (3, NOW + 2, "request", "jws 2 ü"),
    ]:
        leaf = hashlib.sha256(
            b"\x00"
            + n.to_bytes(8, "big")
            + at.to_bytes(8, "big")
            + len(kind).to_bytes(8, "big")
            + kind.encode()
            + body.encode()
        ).digest()
        previous = hashlib.sha256(b"\x01" + previous + leaf).digest()
    head = await evidence.head()
    assert (head.n, head.h) == (3, b64u(previous))
    assert examine(await evidence.entries(), key=AGENT_KEY.public, heads=[head]) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE p0_evidence.log SET body = 'x' WHERE n = 2",
        "DELETE FROM p0_evidence.log WHERE n = 3",
        "TRUNCATE p0_evidence.log",
    ],
)
async def test_nobody_changes_it_by_mistake(statement: str, managed: Managed, evidence: Evidence) -> None:
    async with await managed.superuser() as connection:
        with pytest.raises(sqlstate.RestrictViolation):
            await connection.execute(statement.encode())
    async with managed.cluster.connections.control() as connection:
        with pytest.raises(sqlstate.InsufficientPrivilege):
            async with connection.transaction():
                await connection.execute(statement.encode())
        with pytest.raises(sqlstate.InsufficientPrivilege):
            async with connection.transaction():
                await connection.execute("ALTER TABLE p0_evidence.log DISABLE TRIGGER append_only")
        with pytest.raises(sqlstate.InsufficientPrivilege):
            async with connection.transaction():
                await connection.execute("DROP TABLE p0_evidence.log")


async def tampered(managed: Managed, statement: str) -> None:
    """As somebody who can do anything in the database."""
    async with await managed.superuser() as connection:
        await connection.execute("ALTER TABLE p0_evidence.log DISABLE TRIGGER ALL")
        await connection.execute(statement.encode())
        await connection.execute("ALTER TABLE p0_evidence.log ENABLE ALWAYS TRIGGER append_only")


@pytest.mark.parametrize(
    ("statement", "what", "n"),
    [
        ("UPDATE p0_evidence.log SET body = 'x' WHERE n = 2", "edit", 2),
        ("UPDATE p0_evidence.log SET at = at + 1 WHERE n = 1", "edit", 1),
        ("UPDATE p0_evidence.log SET kind = 'denial' WHERE n = 3", "edit", 3),
        ("UPDATE p0_evidence.log SET kind = 'requestj', body = 'ws 1 ü' WHERE n = 2", "edit", 2),
        ("DELETE FROM p0_evidence.log WHERE n = 1", "gap", 1),
        ("DELETE FROM p0_evidence.log WHERE n = 0", "gap", 0),
    ],
)
async def test_a_forced_change_shows(statement: str, what: str, n: int, managed: Managed, evidence: Evidence) -> None:
    await tampered(managed, statement)
    (found,) = examine(await evidence.entries(), key=AGENT_KEY.public)
    assert (found.what, found.n) == (what, n)


async def test_a_cut_shows_against_a_head_handed_out_before(managed: Managed, evidence: Evidence) -> None:
    head = await evidence.head()
    await tampered(managed, "DELETE FROM p0_evidence.log WHERE n = 3")
    (found,) = examine(await evidence.entries(), key=AGENT_KEY.public, heads=[head])
    assert (found.what, found.n) == ("truncation", 3)
    for step in (evidence.head(), evidence.append("request", "another", NOW)):
        with pytest.raises(EvidenceError) as caught:
            await step
        assert caught.value.code == "evidence_rewound"
    restarted = Evidence(managed.cluster.connections)
    assert not await restarted.holds(head)
    await restarted.append("request", "another", NOW)
    (found,) = examine(await restarted.entries(), key=AGENT_KEY.public, heads=[head])
    assert (found.what, found.n) == ("fork", 3)


async def test_two_writers_make_one_chain(managed: Managed, evidence: Evidence) -> None:
    async with managing(managed.server, managed.database, {managed.database: ("enterprise",)}) as other:
        heads = await asyncio.gather(
            *(log.append("request", f"{n}", NOW) for n in range(10) for log in (evidence, other.cluster.evidence))
        )
    entries = await evidence.entries()
    assert examine(entries, key=AGENT_KEY.public, heads=heads) == ()
    assert sorted(head.n for head in heads) == list(range(4, 24))
    assert {head.h for head in heads} == {b64u(entry.h) for entry in entries[4:]}


async def test_a_log_of_another_key_is_refused(managed: Managed) -> None:
    with pytest.raises(EvidenceError) as caught:
        await managed.cluster.evidence.start("B" * 43, NOW)
    assert caught.value.code == "evidence_foreign"
    assert (await managed.cluster.evidence.start(THUMBPRINT, NOW)).n == 0


async def test_entries_come_in_pages(evidence: Evidence) -> None:
    page = await evidence.entries(first=1, limit=2)
    assert [entry.n for entry in page] == [1, 2]
