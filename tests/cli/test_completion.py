"""Shell completion asks the server, and stays silent when it gets no answer."""

from __future__ import annotations

import pytest

from fix_stage import Ran, p0
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def complete(stage: Stage, typed: str, **variables: str) -> Ran:
    """What bash would be offered after `typed`."""
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    return await p0(stage, DANA, **{"_P0_COMPLETE": "complete_bash"} | words | variables)


async def test_databases_and_requests_are_offered(stage: Stage) -> None:
    assert (await complete(stage, "p0 psql -d my")).out.split() == [DATABASE]
    assert (await complete(stage, "p0 ls my")).out.split() == [DATABASE]
    asked = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", "delete from ledger.entries", "--reason", "completion")
    rid = asked.err.split()[1].rstrip(":")
    assert rid in (await complete(stage, "p0 show r-")).out.split()
    assert (await complete(stage, "p0 show x-")).out.split() == []


@pytest.mark.parametrize("variables", [{"P0_SERVER": "http://127.0.0.1:9"}, {"P0_CONFIG": "/nowhere"}])
async def test_without_an_answer_nothing_is_offered(stage: Stage, variables: dict[str, str]) -> None:
    ran = await complete(stage, "p0 psql -d my", **variables)
    assert (ran.out.strip(), ran.err) == ("", "")
