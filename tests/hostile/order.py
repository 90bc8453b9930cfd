"""Attacks on time and order: replays, and a ledger that is lost or restored from a backup."""

from __future__ import annotations

from dataclasses import replace

from fix_agent_core import EMAILS, MARKETS
from fix_hostile_server import Hostile, Theme

ORDER = Theme("Replays")


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
