"""Who waits is called when people have decided: on a terminal, once, and with nothing in it that a terminal obeys."""

from __future__ import annotations

import io
import os
import pty

import pytest

from fix_launcher import BY_PRIVACY, DATABASE, Machine, Peer
from p0_access.messages.records import What
from p0_access.messages.views import State
from p0_launcher import attention
from p0_launcher.commands.asking import Teller
from p0_launcher.errors import DeniedError
from p0_launcher.intent import Intent

INTENT = Intent(database=DATABASE, what=What(statement=("select id from enterprise.markets",)), reason="x")


def test_a_terminal_gets_a_notice_and_the_bell() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        attention.call("p0: r-00001 is \x1b[31mactive\x07", to=terminal)
        assert os.read(master, 100) == b"\x1b]9;p0: r-00001 is [31mactive\x07\x07"
    os.close(master)


def test_a_file_or_pipe_gets_nothing() -> None:
    stream = io.StringIO()
    attention.call("p0: r-00001 is active", to=stream)
    assert stream.getvalue() == ""


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(attention, "call", found.append)
    return found


async def test_a_decision_of_people_calls_once(dana: Machine, peer: Peer, called: list[str]) -> None:
    peer.decision = BY_PRIVACY
    peer.while_waiting = lambda: peer.move(next(iter(peer.views)), State.APPROVED)
    access = await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=Teller())
    assert called == [f"p0: {access.rid} is approved"]


async def test_what_is_decided_at_once_calls_nobody(dana: Machine, called: list[str]) -> None:
    await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=Teller())
    assert called == []


async def test_a_denial_calls_too(dana: Machine, peer: Peer, called: list[str]) -> None:
    peer.decision = BY_PRIVACY
    peer.while_waiting = lambda: peer.move(next(iter(peer.views)), State.DENIED)
    with pytest.raises(DeniedError):
        await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=Teller())
    assert [text.split(" is ")[1] for text in called] == ["denied"]
