"""The wallet: changes of several processes at once, what has ended, and what cannot be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from fix_launcher import Clock
from p0_access.secret import Secret
from p0_launcher.errors import ConfigurationError
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import Awaited, Contents, Wallet


def wallet(directory: Path, clock: Clock) -> Wallet:
    return Wallet(FileStore(directory), name="w", directory=directory, clock=clock)


def awaited(rid: str, until: float) -> Awaited:
    return Awaited(
        rid=rid,
        rh="r" * 43,
        key="k" * 43,
        agent="a" * 43,
        database="d",
        one_shot=False,
        files=(),
        opening="o" * 43,
        until=int(until),
    )


async def test_changes_of_many_at_once_are_all_kept(tmp_path: Path, clock: Clock) -> None:
    async def add(number: int) -> None:
        async with wallet(tmp_path, clock).changing() as draft:
            await asyncio.sleep(0)
            draft.contents = draft.contents.with_awaited(awaited(f"r-{number:08}", clock() + 60))

    await asyncio.gather(*(add(number) for number in range(10)))
    assert len((await wallet(tmp_path, clock).read()).awaited) == 10


async def test_what_has_ended_is_not_given_and_goes_with_the_next_change(tmp_path: Path, clock: Clock) -> None:
    async with wallet(tmp_path, clock).changing() as draft:
        draft.contents = draft.contents.with_awaited(awaited("r-1", clock() + 60))
    clock.now += 61
    assert (await wallet(tmp_path, clock).read()) == Contents()
    async with wallet(tmp_path, clock).changing():
        pass
    stored = FileStore(tmp_path).get("w")
    assert stored is not None
    assert "r-1" not in stored.reveal()


async def test_an_exception_leaves_everything_as_it_was(tmp_path: Path, clock: Clock) -> None:
    async def fail() -> None:
        async with wallet(tmp_path, clock).changing() as draft:
            draft.contents = draft.contents.with_awaited(awaited("r-1", clock() + 60))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert (await wallet(tmp_path, clock).read()) == Contents()


@pytest.mark.parametrize("content", ["", "{", '{"v":2}', '{"v":1,"more":1}'])
async def test_what_cannot_be_read_is_a_clear_error_and_can_be_wiped(
    tmp_path: Path, clock: Clock, content: str
) -> None:
    FileStore(tmp_path).set("w", Secret(content))
    with pytest.raises(ConfigurationError) as caught:
        await wallet(tmp_path, clock).read()
    assert (caught.value.code, caught.value.hint) == ("wallet_malformed", "p0 logout, then p0 login")
    await wallet(tmp_path, clock).wipe()
    assert (await wallet(tmp_path, clock).read()) == Contents()


def test_an_item_that_is_opened_is_no_longer_awaited() -> None:
    one = awaited("r-1", 1)
    contents = Contents().with_awaited(one)
    assert contents.without("r-1") == Contents()
    assert msgspec.structs.replace(contents, awaited={}) == contents.without("r-1")
