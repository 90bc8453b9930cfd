"""The child that reads SQL: it may die, and costs one preview when it does."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import msgspec
import pytest

from fix_plane import MARKETS, RULES
from fix_scripted_agent import CATALOG
from p0_access.encoding import encode, sha256_b64u
from p0_access.messages.records import What
from p0_access.routing.decision import Automatic, Denied, Requestor
from p0_access.routing.load import load
from p0_server.errors import UnavailableError, UnprocessableError
from p0_server.preview import previewer as module
from p0_server.preview.child import MAX_CATALOGS
from p0_server.preview.draft import Draft
from p0_server.preview.previewer import Previewer
from p0_server.store.records import StoredCatalog

ADA = Requestor(iss="https://id.example", sub="ada", groups=("analysts",))


def draft(*sql: str, reason: str = "because") -> Draft:
    return Draft(what=What(statement=sql), requestor=ADA, reason=reason, at=1_800_000_000)


def catalog(version: str = "v1") -> StoredCatalog:
    text = encode(msgspec.structs.replace(CATALOG, version=version)).decode()
    return StoredCatalog(database="mydatabase", agent="a", version=version, at=1, record="", catalog=text)


@pytest.fixture
async def previewer() -> AsyncIterator[Previewer]:
    data = RULES.encode()
    found = Previewer(load(data, source="rules.yaml"), data, deadline=10)
    yield found
    await found.close()


async def child(previewer: Previewer) -> int:
    await previewer.warm()
    assert previewer._process is not None
    return previewer._process.pid


async def test_a_preview_reads_and_routes(previewer: Previewer) -> None:
    found = await previewer.preview(draft(MARKETS, "select 1"), catalog())
    assert [each.index for each in found.statements] == [0, 1]
    assert isinstance(found.decision, Automatic)
    assert found.reason_problem is None
    assert (await previewer.preview(draft(MARKETS, reason=""), catalog())).reason_problem == "a reason is required"
    assert (await previewer.preview(draft("-- nothing"), catalog())).decision is None


async def test_a_preview_names_the_rules_it_is_by(previewer: Previewer) -> None:
    others = RULES.replace("approval: {auto: true}", 'approval: {deny: "Closed."}').encode()
    before = await previewer.preview(draft(MARKETS), catalog())
    on_its_way = asyncio.create_task(previewer.preview(draft(MARKETS), catalog()))
    await asyncio.sleep(0)
    await previewer.use(load(others, source="rules.yaml"), others)
    assert await on_its_way == before
    after = await previewer.preview(draft(MARKETS), catalog())
    assert isinstance(after.decision, Denied)
    assert (before.rules_sha256, after.rules_sha256) == (sha256_b64u(RULES.encode()), sha256_b64u(others))


async def test_each_version_of_a_catalog_is_its_own(previewer: Previewer) -> None:
    for number in [*range(MAX_CATALOGS + 3), 0]:
        found = await previewer.preview(draft(MARKETS), catalog(f"v{number}"))
        assert isinstance(found.decision, Automatic)
    assert len(previewer._known) == MAX_CATALOGS


async def test_a_child_that_dies_is_replaced(previewer: Previewer) -> None:
    first = await child(previewer)
    os.kill(first, signal.SIGSTOP)  # it will not answer, and then be gone
    asking = asyncio.create_task(previewer.preview(draft(MARKETS), catalog()))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(UnprocessableError) as caught:
        await asking
    assert caught.value.code == "unreadable_sql"
    assert isinstance((await previewer.preview(draft(MARKETS), catalog())).decision, Automatic)
    assert await child(previewer) != first


async def test_a_child_that_takes_too_long_is_killed(previewer: Previewer) -> None:
    await previewer.preview(draft(MARKETS), catalog())
    slow = await child(previewer)
    previewer._deadline = 0.05
    os.kill(slow, signal.SIGSTOP)
    with pytest.raises(UnprocessableError) as caught:
        await previewer.preview(draft(MARKETS), catalog())
    assert "takes longer than 0.05 s" in str(caught.value)
    with pytest.raises(ProcessLookupError):
        os.kill(slow, 0)


async def test_a_caller_that_goes_away_does_not_leave_its_answer_to_the_next(previewer: Previewer) -> None:
    await previewer.preview(draft(MARKETS), catalog())
    os.kill(await child(previewer), signal.SIGSTOP)
    going = asyncio.create_task(previewer.preview(draft("select 1"), catalog()))
    for _ in range(5):
        await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    found = await previewer.preview(draft(MARKETS, MARKETS), catalog())
    assert len(found.statements) == 2


async def test_hostile_sql_is_refused_in_time(previewer: Previewer) -> None:
    deep = "select " + "(" * 30_000 + "1" + ")" * 30_000
    found = await previewer.preview(draft(deep), catalog())
    assert found.decision is None
    assert isinstance((await previewer.preview(draft(MARKETS), catalog())).decision, Automatic)


async def test_so_many_wait_and_no_more(previewer: Previewer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 0)
    with pytest.raises(UnavailableError) as caught:
        await previewer.preview(draft(MARKETS), catalog())
    assert caught.value.code == "busy"
