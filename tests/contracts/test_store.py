"""What every store must hold, whatever stands behind it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import Progress
from p0_access.messages.records import LogHead
from p0_access.messages.views import EventType, State
from p0_access.routing.decision import Automatic
from p0_server.errors import ConflictError
from p0_server.store.protocol import Store
from p0_server.store.records import (
    Change,
    ChangedError,
    Done,
    NewEvent,
    NewJob,
    Remark,
    RidTakenError,
    Seen,
    Settled,
    StaleLeaseError,
    StandIn,
    StoredAgent,
    StoredCatalog,
    StoredRequest,
    StoreError,
    UsedProof,
    Viewer,
)
from p0_server.store.sqlite import SqliteStore

NOW = 1_800_000_000
EVENT_OF: dict[State, EventType] = {
    State.PENDING: "admitted",
    State.ACTIVE: "active",
    State.DENIED: "denied",
    State.CANCELLED: "cancelled",
}
IDENTITY = Identity(bind="bind", id_token="token")


class Opened:
    """A store that can be closed and opened again on what it kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: Store

    async def open(self) -> Store:
        self.store = await SqliteStore.open(self.path)
        return self.store


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    found = Opened(tmp_path / "store.db")
    await found.open()
    yield found
    await found.store.close()


@pytest.fixture
async def store(opened: Opened) -> Store:
    return opened.store


def request(rid: str = "r-00001", **changes: Any) -> StoredRequest:
    given: dict[str, Any] = {
        "rid": rid,
        "rh": f"hash-of-{rid}",
        "agent": "agent",
        "database": "mydatabase",
        "state": State.SUBMITTED,
        "iss": "iss",
        "sub": "ada",
        "email": None,
        "reason": "because",
        "summary": "select 1",
        "created": NOW,
        "updated": NOW,
        "exp": NOW + 100,
        "ttl": 60,
        "record": "jws",
        "identity": IDENTITY,
        "decision": Automatic(ttl=60, trace=()),
    }
    return StoredRequest(**given | changes)


def event(type_: EventType = "submitted", state: State = State.SUBMITTED) -> NewEvent:
    return NewEvent(at=NOW, type=type_, state=state, actor="ada", data={"a": [1, None]})


def job(name: str = "job-1", **changes: Any) -> NewJob:
    given: dict[str, Any] = {
        "job": name,
        "agent": "agent",
        "kind": "admit",
        "act_hash": f"act-of-{name}",
        "act": None,
        "actor": "ada",
        "created": NOW,
    }
    return NewJob(**given | changes)


async def create(store: Store, rid: str = "r-00001", *reviewers: str, **changes: Any) -> StoredRequest:
    return await store.create(
        request(rid, **changes), event(), job(f"admit-{rid}"), reviewers=frozenset(reviewers), open_limit=100
    )


async def step(store: Store, of: StoredRequest, state: State, **more: Any) -> StoredRequest:
    changed = msgspec.structs.replace(of, state=state, updated=NOW + 1)
    return await store.change(Change(request=changed, events=(event(EVENT_OF[state], state),), **more))


def done(job: str, lease: str, outcome: str = "pending") -> Done:
    return Done(job=job, lease=lease, outcome=outcome, code=None, message=None, hint=None)


# requests


async def test_a_request_comes_back_as_it_was_kept(store: Store) -> None:
    made = await create(store)
    assert await store.request("r-00001") == made == request(version=made.version)
    assert await store.request_by_hash("hash-of-r-00001") == made
    assert await store.request("r-99999") is None


async def test_what_is_kept_outlives_the_store(opened: Opened) -> None:
    made = await create(opened.store, "r-00001", "group privacy")
    await opened.store.close()
    store = await opened.open()
    assert await store.request("r-00001") == made
    seen = await store.seen("r-00001", frozenset(), NOW)
    assert seen == Seen(request=made, reviewers=frozenset({"group privacy"}), in_place_of=frozenset())
    assert await store.claimable("agent", NOW)
    assert await store.last_seq() == made.version


async def test_a_request_is_seen_with_those_whom_the_viewer_stands_in_for(store: Store) -> None:
    stand_ins = (StandIn(key="sam", as_key="pat", until=NOW + 100), StandIn(key="eve", as_key="max", until=NOW + 100))
    made = await store.create(request(), event(), job(), reviewers=frozenset(), open_limit=9, stand_ins=stand_ins)
    for keys, now, in_place_of in (({"sam", "dba"}, NOW, {"pat"}), ({"sam"}, NOW + 100, set()), ({"dba"}, NOW, set())):
        seen = await store.seen("r-00001", frozenset(keys), now)
        assert seen == Seen(request=made, reviewers=frozenset(), in_place_of=frozenset(in_place_of))
    assert await store.seen("r-99999", frozenset({"sam"}), NOW) is None


async def test_an_id_stands_for_one_request(store: Store) -> None:
    await create(store)
    with pytest.raises(RidTakenError):
        await store.create(request(rh="other"), event(), job("job-2"), reviewers=frozenset(), open_limit=100)
    assert len(await store.events(after=0, limit=10)) == 1


async def test_one_person_can_have_so_many_open(store: Store) -> None:
    await create(store)
    with pytest.raises(ConflictError) as caught:
        await store.create(request("r-00002"), event(), job("job-2"), reviewers=frozenset(), open_limit=1)
    assert caught.value.code == "too_many_open"
    await store.create(request("r-00003", sub="pat"), event(), job("job-3"), reviewers=frozenset(), open_limit=1)


async def test_a_change_counts_only_on_what_was_read(store: Store) -> None:
    made = await create(store)
    changed = await step(store, made, State.PENDING)
    assert changed.version > made.version
    with pytest.raises(ChangedError):
        await step(store, made, State.DENIED)
    stored = await store.request("r-00001")
    assert stored is not None
    assert stored.state is State.PENDING
    assert [each.event.type for each in await store.events(after=0, limit=10)] == ["submitted", "admitted"]


async def test_a_final_state_closes_jobs_and_forgets_tokens(store: Store) -> None:
    made = await create(store)
    (claimed,) = await store.claim("agent", now=NOW, until=NOW + 60, leases=("l1",))
    await step(store, made, State.CANCELLED)
    stored = await store.request("r-00001")
    assert stored is not None
    assert stored.identity is None
    assert not await store.claimable("agent", NOW + 1000)
    with pytest.raises(StaleLeaseError):
        await store.finish(done(claimed.job.job, "l1"), NOW)


async def test_lists_show_what_a_viewer_may_see_newest_first(store: Store) -> None:
    first = await create(store, "r-00001", "group privacy", created=NOW - 1)
    await step(store, first, State.PENDING)
    await create(store, "r-00002", "group privacy")
    await create(store, "r-00003", sub="pat", created=NOW + 1)
    ada = Viewer(iss="iss", sub="ada", keys=frozenset({"group analysts"}))
    pat = Viewer(iss="iss", sub="pat", keys=frozenset({"group privacy", "subject iss#pat"}))
    eve = Viewer(iss="iss", sub="eve", keys=frozenset())

    async def rids(kind: Any, viewer: Viewer, limit: int = 10) -> list[tuple[str, bool]]:
        return [(each.rid, reviewer) for each, reviewer in await store.requests(kind, viewer, limit)]

    assert await rids("mine", ada) == [("r-00002", False), ("r-00001", False)]
    assert await rids("mine", ada, 1) == [("r-00002", False)]
    assert await rids("to-review", pat) == [("r-00001", True)]
    assert await rids("all", pat) == [("r-00003", False), ("r-00002", True), ("r-00001", True)]
    assert await rids("all", eve) == []
    assert await rids("to-review", ada) == []


async def test_what_is_past_its_time_lapses_unless_an_agent_has_it_in_hand(store: Store) -> None:
    await create(store, "r-00001", exp=NOW)
    await create(store, "r-00002", exp=NOW + 50)
    late = await create(store, "r-00003", exp=NOW)
    await step(store, late, State.ACTIVE)
    assert [each.rid for each in await store.to_lapse(NOW, 10)] == ["r-00001"]
    await store.claim("agent", now=NOW, until=NOW + 60, leases=("l1",))
    assert await store.to_lapse(NOW, 10) == ()
    assert [each.rid for each in await store.to_lapse(NOW + 60, 10)] == ["r-00001", "r-00002"]


# the log


async def test_events_are_numbered_in_order_and_know_who_may_see_them(store: Store) -> None:
    made = await create(store, "r-00001", "group privacy")
    await create(store, "r-00002")
    changed = await step(store, made, State.PENDING, reviewers=frozenset({"group dba"}))
    logged = await store.events(after=0, limit=10)
    assert [each.event.seq for each in logged] == sorted(each.event.seq for each in logged)
    assert logged[0].event.data == {"a": [1, None]}
    assert logged[0].reviewers == {"group privacy", "group dba"}
    assert (logged[1].iss, logged[1].sub, logged[1].reviewers) == ("iss", "ada", frozenset())
    assert [each.event.rid for each in await store.events(after=made.version, limit=10)] == ["r-00002", "r-00001"]
    assert len(await store.events(after=0, limit=2)) == 2
    of_one = await store.events(after=0, limit=10, rid="r-00001")
    assert [each.event.seq for each in of_one] == [made.version, changed.version]
    assert await store.last_seq() == changed.version


async def test_who_listens_hears_of_a_commit_when_it_can_be_read(store: Store) -> None:
    heard = asyncio.Event()
    store.on_commit(heard.set)
    await store.heard(StoredAgent(thumbprint="agent", seen=NOW))
    assert not heard.is_set()
    await create(store)
    assert heard.is_set()
    assert await store.last_seq() > 0


async def test_many_write_at_once_and_each_gets_its_own_answer(store: Store) -> None:
    rids = [f"r-{number:05d}" for number in range(60)]
    made = await asyncio.gather(*(create(store, rid) for rid in [*rids, *rids]), return_exceptions=True)
    kept = [each for each in made if isinstance(each, StoredRequest)]
    assert sorted(each.rid for each in kept) == rids
    assert sum(isinstance(each, RidTakenError) for each in made) == len(rids)
    assert len({each.version for each in kept}) == len(rids)
    assert len(await store.events(after=0, limit=1000)) == len(rids)


# jobs


async def test_what_an_agent_had_in_hand_is_handed_out_again_once_it_is_released(store: Store) -> None:
    await create(store)
    (first,) = await store.claim("agent", now=NOW, until=NOW + 60, leases=("l1",))
    await store.release("other", NOW + 1)
    assert not await store.claimable("agent", NOW + 1)
    await store.release("agent", NOW + 1)
    (again,) = await store.claim("agent", now=NOW + 1, until=NOW + 61, leases=("l2",))
    assert (again.job.job, again.job.lease) == (first.job.job, "l2")


async def test_a_job_is_handed_out_once_under_each_lease(store: Store) -> None:
    made = await create(store)
    (first,) = await store.claim("agent", now=NOW, until=NOW + 60, leases=("l1", "l2"))
    assert (first.job.lease, first.job.deliveries, first.request.rid) == ("l1", 1, made.rid)
    assert not await store.claimable("agent", NOW + 59)
    assert await store.claim("other", now=NOW + 60, until=NOW + 120, leases=("l3",)) == ()
    (again,) = await store.claim("agent", now=NOW + 60, until=NOW + 120, leases=("l4",))
    assert (again.job.job, again.job.lease, again.job.deliveries) == (first.job.job, "l4", 2)
    with pytest.raises(StaleLeaseError):
        await store.finish(done(first.job.job, "l1"), NOW + 60)
    await store.finish(done(first.job.job, "l4", "approved"), NOW + 60)
    finished = await store.job(first.job.job)
    assert finished is not None
    assert (finished.done_at, finished.outcome, finished.act) == (NOW + 60, "approved", None)


async def test_a_result_and_its_step_are_one(store: Store) -> None:
    made = await create(store)
    await store.claim("agent", now=NOW, until=NOW + 60, leases=("l1",))
    with pytest.raises(StaleLeaseError):
        await step(store, made, State.PENDING, done=done("admit-r-00001", "other"))
    stored = await store.request("r-00001")
    assert stored == made
    await step(store, made, State.PENDING, done=done("admit-r-00001", "l1"))
    finished = await store.job("admit-r-00001")
    assert finished is not None
    assert finished.done_at is not None


async def test_one_job_for_one_act(store: Store) -> None:
    made = await create(store)
    act = SignedAct(record="jws", identity=IDENTITY)
    await step(store, made, State.PENDING, job=job("a-1", kind="approval", act_hash="act", act=act))
    current = await store.request("r-00001")
    assert current is not None
    with pytest.raises(ChangedError):
        await step(store, current, State.PENDING, job=job("a-2", kind="approval", act_hash="act", act=act))
    found = await store.job_of_act("act")
    assert found is not None
    assert (found.job, found.act) == ("a-1", act)
    assert await store.job("a-2") is None


async def test_jobs_of_a_request_come_one_after_another_but_an_end_overtakes_what_is_stuck(store: Store) -> None:
    made = await create(store)
    made = await step(store, made, State.PENDING, job=job("a-1", kind="approval"))
    made = await step(store, made, State.PENDING, job=job("e-1", kind="end"))
    await create(store, "r-00002")

    async def claimed(now: int, *leases: str) -> list[str]:
        return [each.job.job for each in await store.claim("agent", now=now, until=now + 60, leases=leases)]

    assert await claimed(NOW, "l1", "l2", "l3") == ["admit-r-00001", "admit-r-00002"]
    assert await claimed(NOW, "l4", "l5") == []  # the approval was never handed out, so the end waits behind it
    await store.finish(done("admit-r-00001", "l1"), NOW)
    assert await claimed(NOW, "l6", "l7") == ["a-1"]
    assert await claimed(NOW, "l8") == ["e-1"]


# catalogs, agents, proofs


async def test_the_latest_catalog_stays(store: Store) -> None:
    def catalog(version: str, at: int) -> StoredCatalog:
        return StoredCatalog(database="db", agent="agent", version=version, at=at, record="jws", catalog="{}")

    await store.put_catalog(catalog("v2", NOW))
    await store.put_catalog(catalog("v1", NOW - 1))
    assert await store.catalog("db") == catalog("v2", NOW)
    assert [(each.database, each.version) for each in await store.catalog_versions()] == [("db", "v2")]
    await store.put_catalog(catalog("v3", NOW + 1))
    assert await store.catalog("db") == catalog("v3", NOW + 1)
    await asyncio.gather(*(store.put_catalog(catalog(f"v{n}", NOW + n)) for n in range(4, 9)), store.catalog("db"))
    assert await store.catalog("db") == catalog("v8", NOW + 8)
    assert await store.catalog("other") is None


async def test_an_agent_is_what_it_last_said(store: Store) -> None:
    head = LogHead(n=7, h="h" * 43)
    await store.heard(StoredAgent(thumbprint="a", seen=NOW, rules_sha256="r", software="s"))
    await store.heard(StoredAgent(thumbprint="a", seen=NOW + 5, head=head))
    assert await store.agents() == (
        StoredAgent(thumbprint="a", seen=NOW + 5, rules_sha256="r", software="s", head=head),
    )


async def test_proofs_are_known_until_they_are_too_old_anyway(opened: Opened) -> None:
    later, sooner = UsedProof(key="key", jti="1", until=NOW + 9), UsedProof(key="other", jti="1", until=NOW)
    for proof in (later, sooner, later):
        await opened.store.keep_proof(proof)
    await opened.store.close()
    store = await opened.open()
    assert await store.proofs(NOW) == (sooner, later)
    assert await store.proofs(NOW + 1) == (later,)
    await store.forget_proofs(NOW + 1)
    assert await store.proofs(NOW) == (later,)


async def test_a_proof_is_kept_with_whatever_is_written_next(store: Store) -> None:
    proof = UsedProof(key="key", jti="1", until=NOW)
    waiting = store.keep_proof(proof)
    assert await store.proofs(NOW) == ()
    await create(store)
    assert await store.proofs(NOW) == (proof,)
    await waiting


async def test_progress_and_records_are_kept(store: Store) -> None:
    made = await create(store)
    more = msgspec.structs.replace(
        made,
        state=State.ACTIVE,
        progress=(Progress(rule="pii", count=1, by=("pat",)),),
        approvals=("a", "b"),
        admission="admission",
        credential="credential",
        login="p0_l",
        not_after=NOW + 60,
    )
    kept = await store.change(Change(request=more, events=(event("active", State.ACTIVE),)))
    assert await store.request("r-00001") == kept == msgspec.structs.replace(more, version=kept.version)


# what only a file in SQLite can be


async def test_the_log_cannot_be_rewritten(opened: Opened) -> None:
    await create(opened.store)
    connection = sqlite3.connect(opened.path)
    try:
        for statement in ("UPDATE events SET actor = 'eve'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    finally:
        connection.close()


async def test_the_file_is_its_owners_alone_and_as_durable_as_sqlite_can_be(opened: Opened) -> None:
    assert opened.path.stat().st_mode & 0o077 == 0
    connection = sqlite3.connect(opened.path)
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()


async def test_a_store_with_delegations_is_whole_to_sqlite(opened: Opened) -> None:
    stand_ins = (StandIn(key="sam", as_key="pat", until=NOW + 100),)
    await opened.store.create(request(), event(), job(), reviewers=frozenset(), open_limit=100, stand_ins=stand_ins)
    connection = sqlite3.connect(opened.path)
    try:
        assert connection.execute("SELECT key, as_key, until FROM stand_ins").fetchall() == [("sam", "pat", NOW + 100)]
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    finally:
        connection.close()


async def test_a_store_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await (await SqliteStore.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO schema_version VALUES (999)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError) as caught:
        await SqliteStore.open(path)
    assert caught.value.code == "store_newer"


async def test_what_is_not_a_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, and long enough to tell" * 100)
    with pytest.raises(StoreError) as caught:
        await SqliteStore.open(path)
    assert caught.value.code == "store_unavailable"


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    await store.close()
    with pytest.raises(StoreError):
        await create(store)
    with pytest.raises(StoreError):
        await store.last_seq()


# notices, remarks


def of_all(_request: StoredRequest, new: NewEvent) -> tuple[str, ...]:
    return ("one", "two") if new.type == "submitted" else ()


@pytest.fixture
async def telling(tmp_path: Path) -> AsyncIterator[Store]:
    found = await SqliteStore.open(tmp_path / "telling.db", notify=of_all)
    yield found
    await found.close()


async def test_notices_are_written_with_their_event_for_each_target(telling: Store) -> None:
    made = await create(telling)
    (due,) = await telling.due_notices("one", now=NOW, limit=9)
    assert (due.target, due.attempts, due.event.type, due.request) == ("one", 0, "submitted", made)
    (other,) = await telling.due_notices("two", now=NOW, limit=9)
    assert due.id != other.id
    assert await telling.due_notices("three", now=NOW, limit=9) == ()
    assert await telling.due_notices("one", now=NOW - 1, limit=9) == ()


async def test_what_was_not_written_is_not_told(telling: Store) -> None:
    made = await create(telling)
    with pytest.raises(RidTakenError):
        await create(telling)
    with pytest.raises(ChangedError):
        await telling.change(Change(request=msgspec.structs.replace(made, version=99), events=(event(),)))
    assert len(await telling.due_notices("one", now=NOW, limit=9)) == 1


async def test_a_notice_waits_is_sent_or_is_dead(telling: Store) -> None:
    await create(telling)
    (one,) = await telling.due_notices("one", now=NOW, limit=9)
    (two,) = await telling.due_notices("two", now=NOW, limit=9)
    assert await telling.undelivered(9) == ()
    await telling.settle_notice(one.number, Settled(state="waiting", due=NOW + 5, settled=None, problem="away"))
    assert await telling.due_notices("one", now=NOW + 4, limit=9) == ()
    (again,) = await telling.due_notices("one", now=NOW + 5, limit=9)
    assert (again.id, again.attempts) == (one.id, 1)
    await telling.settle_notice(one.number, Settled(state="dead", due=NOW, settled=NOW, problem="away"))
    await telling.settle_notice(two.number, Settled(state="sent", due=NOW, settled=NOW))
    await telling.settle_notice(two.number, Settled(state="dead", due=NOW, settled=NOW))  # too late
    (dead,) = await telling.undelivered(9)
    assert (dead.target, dead.rid, dead.type, dead.state, dead.problem) == (
        "one",
        "r-00001",
        "submitted",
        "dead",
        "away",
    )
    assert [(each.target, each.state, each.notices) for each in await telling.notice_counts()] == [("one", "dead", 1)]


async def test_dead_notices_are_revived_and_sent_ones_forgotten(telling: Store) -> None:
    await create(telling)
    (one,) = await telling.due_notices("one", now=NOW, limit=9)
    (two,) = await telling.due_notices("two", now=NOW, limit=9)
    await telling.settle_notice(one.number, Settled(state="dead", due=NOW, settled=NOW))
    await telling.settle_notice(two.number, Settled(state="sent", due=NOW, settled=NOW))
    await telling.forget_notices(NOW)  # not old enough
    await telling.forget_notices(NOW + 1)
    assert await telling.revive_notices(NOW + 2) == 1
    (again,) = await telling.due_notices("one", now=NOW + 2, limit=9)
    assert (again.id, again.attempts) == (one.id, 0)


async def test_without_targets_there_are_no_notices(store: Store) -> None:
    await create(store)
    assert await store.notice_counts() == ()


async def test_the_last_remark_about_something_is_kept(opened: Opened) -> None:
    assert await opened.store.remarked("rules") is None
    for at in (NOW, NOW + 1):
        await opened.store.remark(Remark(about="rules", at=at, said={"at": at, "problems": []}))
    await opened.store.close()
    remark = await (await opened.open()).remarked("rules")
    assert remark == Remark(about="rules", at=NOW + 1, said={"at": NOW + 1, "problems": []})
