"""What the agent does about changes that others made: the evidence says so, and what cannot be put right is over."""

from __future__ import annotations

import json

from psycopg import sql

from fix_agent_core import MARKETS, Bench
from p0_access.messages.records import Deletion
from p0_access.proof import jws
from p0_agent.core.drift import end_changed


async def test_what_is_put_right_is_in_the_evidence_and_what_cannot_be_ends_the_access(bench: Bench) -> None:
    request, _ = bench.ask(bench.person("dana", "analysts"), MARKETS)
    login = (await bench.admit(request)).login
    assert login is not None
    assert await end_changed(bench.context) == ()
    async with await bench.managed.superuser() as superuser:
        await superuser.execute(sql.SQL("ALTER ROLE {} VALID UNTIL 'infinity'").format(sql.Identifier(login)))
        assert await end_changed(bench.context) == ()
        last = (await bench.managed.cluster.evidence.entries())[-1]
        assert (last.kind, json.loads(last.body)["what"]) == ("drift", "its VALID UNTIL was changed")
        assert json.loads(last.body)["mended"] is True

        await superuser.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(login)))
    (report,) = await end_changed(bench.context)
    assert jws.verify(report.records[0], Deletion, bench.context.key.public).record.cause == "changed"
    assert await bench.roles() == []
    kinds = [entry.kind for entry in await bench.managed.cluster.evidence.entries()]
    assert kinds[-3:] == ["drift", "drift", "deletion"]
