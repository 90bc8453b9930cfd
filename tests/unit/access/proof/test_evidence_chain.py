"""A copy of a log: whole, or with a gap, an edit, a fork or a truncation, told apart."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from p0_access.encoding import b64u
from p0_access.messages.records import Credential, Deletion, DroppedSet, LogHead
from p0_access.proof import jws
from p0_access.proof.evidence import BEFORE_GENESIS, GENESIS, LogEntry, Wrong, examine, link
from p0_access.proof.keys import SigningKey

KEY, STRANGER = SigningKey(b"\x05" * 32), SigningKey(b"\x06" * 32)
RH = "r" * 43


def chain(*said: tuple[str, str]) -> list[LogEntry]:
    previous, entries = BEFORE_GENESIS, []
    for n, (kind, body) in enumerate(said):
        previous = link(previous, n=n, at=100 + n, kind=kind, body=body)
        entries.append(LogEntry(n=n, at=100 + n, kind=kind, body=body, h=previous))
    return entries


def head(entries: list[LogEntry], n: int) -> LogHead:
    return LogHead(n=n, h=b64u(entries[n].h))


def credential(at: LogHead, key: SigningKey = KEY) -> tuple[str, str]:
    suite = "X25519-HKDF-SHA256-CHACHA20POLY1305"
    record = Credential(rid="r-aaaaaaaa", rh=RH, iat=1, exp=2, suite=suite, ct="", log=at)  # type: ignore[arg-type]
    return "credential", jws.sign(record, key)


def deletion(login: str, key: SigningKey = KEY) -> tuple[str, str]:
    dropped = DroppedSet(name="p0_set", dropped=True)
    return "deletion", jws.sign(Deletion(rh=RH, login=login, set=dropped, at=3, cause="expired", residue=()), key)


BEGIN = (GENESIS, KEY.public.thumbprint)
FIRST = [BEGIN, ("request", "a"), ("collect", "b")]
LOG = chain(*FIRST, credential(head(chain(*FIRST), 2)), deletion("p0_dana"), ("request", "c"))


def reworked(n: int, body: str) -> list[LogEntry]:
    """Entry `n` says something else, and every hash from there on is right again."""
    said = [(entry.kind, body if entry.n == n else entry.body) for entry in LOG]
    return chain(*said)


def changed(n: int, **changes: object) -> list[LogEntry]:
    return [msgspec.structs.replace(entry, **changes) if entry.n == n else entry for entry in LOG]


def test_a_whole_log_is_whole_against_every_head_that_it_ever_had() -> None:
    assert examine(LOG, key=KEY.public, heads=[head(LOG, n) for n in range(len(LOG))]) == ()


@pytest.mark.parametrize(
    ("copy", "found"),
    [
        (lambda: [entry for entry in LOG if entry.n != 1], [("gap", 1)]),
        (lambda: LOG[1:], [("gap", 0)]),
        (lambda: [LOG[0], LOG[2], LOG[1], *LOG[3:]], [("gap", 1), ("gap", 2), ("gap", 3)]),
        (lambda: changed(1, body="z"), [("edit", 1)]),
        (lambda: changed(2, at=999), [("edit", 2)]),
        (lambda: changed(5, kind="collect"), [("edit", 5)]),
        (lambda: [e for e in changed(1, body="z") if e.n != 5], [("edit", 1), ("truncation", 5)]),
        (lambda: reworked(1, "z"), [("fork", 2), ("fork", 5)]),
        (lambda: reworked(5, "z"), [("fork", 5)]),
        (lambda: reworked(4, deletion("p0_eve", STRANGER)[1]), [("edit", 4), ("fork", 5)]),
        (lambda: reworked(4, deletion("p0_eve")[1]), [("fork", 5)]),
        (lambda: LOG[:5], [("truncation", 5)]),
        (list, [("truncation", 0)]),
        (lambda: reworked(0, STRANGER.public.thumbprint), [("foreign", 0), ("fork", 2), ("fork", 5)]),
    ],
)
def test_what_is_wrong_is_told_by_its_kind_and_place(
    copy: Callable[[], list[LogEntry]], found: list[tuple[Wrong, int]]
) -> None:
    assert [(each.what, each.n) for each in examine(copy(), key=KEY.public, heads=[head(LOG, 5)])] == found


def test_without_a_known_head_the_logs_own_credentials_still_tell_a_fork() -> None:
    assert [each.what for each in examine(reworked(1, "z"), key=KEY.public)] == ["fork"]
    assert examine(LOG[:5], key=KEY.public) == ()


def test_every_entry_that_the_agent_did_not_sign_is_told() -> None:
    said = [BEGIN, deletion("p0_a", STRANGER), deletion("p0_b", STRANGER), deletion("p0_c")]
    assert [(each.what, each.n) for each in examine(chain(*said), key=KEY.public)] == [("edit", 1), ("edit", 2)]


def test_a_head_in_a_gap_is_no_fork() -> None:
    holed = [entry for entry in LOG if entry.n != 2]
    assert [each.what for each in examine(holed, key=KEY.public, heads=[head(LOG, 2)])] == ["gap"]
