"""Attacks on time and order: replays, and a ledger that is lost or restored from a backup.

What needs a real restoration is run by `tests/integration/hostile_server/test_backups.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_hostile_server import Hostile, Theme
from fix_mandates import again
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result

ORDER = Theme("Replays")
RESTORED = Theme("After the ledger was restored from a backup")
RESTORED_MANDATES = Theme("After the same, what was signed in advance")


@ORDER.attack("reuse a request's short id", 6, "rid_taken")
async def _(h: Hostile) -> object:
    request, _ = await h.admitted()
    return await h.bench.admit(h.asked(MARKETS, rid=h.claims(request)["rid"]))


@ORDER.attack("replay a request that a lost ledger knew", 5, "before_ledger")
async def _(h: Hostile) -> object:
    request = h.asked()
    h.bench.context = replace(h.bench.context, not_before=h.bench.context.now() + 1)
    return await h.bench.admit(request)


@ORDER.attack("replay an approval that a lost ledger knew", 5, "before_ledger")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    h.bench.context = replace(h.bench.context, not_before=h.bench.context.now() + 1)
    return await h.bench.approve(request, admitted, h.pat)


@ORDER.attack("ask for a database of another agent", 6, "unknown_database")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.asked(EMAILS, database="elsewhere"))


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What the server holds: a request that `waited` when the backup was made, one that was `approved`, one that came
    (`replayed`) when it had been made; and a word of pat's on the first, `word`, of just before the restoration."""

    h: Hostile
    waited: tuple[SignedAct, Result]
    approved: tuple[SignedAct, Result]
    replayed: SignedAct
    word: SignedAct

    @property
    def bench(self) -> Bench:
        return self.h.bench


@RESTORED.attack("an approval that was signed before", 5, "before_ledger")
async def _(r: Restored) -> object:
    return await r.bench.do("approval", r.waited[0], r.word)


@RESTORED.attack("a new approval of what waited then", 9, "already_lapsed")
async def _(r: Restored) -> object:
    return await r.bench.approve(*r.waited, r.h.pat)


@RESTORED.attack("collect what was approved then", 10, "already_lapsed")
async def _(r: Restored) -> object:
    return await r.bench.collect(*r.approved, r.h.dana)


@RESTORED.attack("replay a request that the backup does not know", 5, "before_ledger")
async def _(r: Restored) -> object:
    return await r.bench.admit(r.replayed)


@dataclass(frozen=True, kw_only=True)
class RestoredMandates:
    """Dana's allowance is unspent again in the backup, and sam's delegation not withdrawn."""

    h: Hostile
    dana: Person
    sam: Person

    @property
    def bench(self) -> Bench:
        return self.h.bench

    async def asked(self) -> tuple[SignedAct, Result]:
        request, _ = self.bench.ask(again(self.bench, self.dana), EMAILS)
        return request, await self.bench.admit(request)


@RESTORED_MANDATES.attack("use an allowance whose uses were spent meanwhile", 10, "already_admitted")
async def _(r: RestoredMandates) -> object:
    return await r.bench.collect(*await r.asked(), again(r.bench, r.dana))


@RESTORED_MANDATES.attack("approve by a delegation that was withdrawn meanwhile", 9, "not_an_approver")
async def _(r: RestoredMandates) -> object:
    return await r.bench.approve(*await r.asked(), again(r.bench, r.sam))
