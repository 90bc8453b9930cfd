"""Shell completion asks the server, and stays silent when it gets no answer."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

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


async def test_no_sql_runs_in_the_shell_of_whoever_completes(stage: Stage, tmp_path: Path) -> None:
    sql = "delete from ledger.entries --\\$(>M)"
    asked = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "completion", "--no-wait")
    rid = asked.err.split()[1].rstrip(":")
    typed = {"_P0_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "p0 show r-"}
    offered = (await p0(stage, DANA, **typed)).out
    assert rid in offered
    # zsh's _arguments evaluates what stands in double parentheses
    words = offered.replace("\n", " ").partition("((")[2].rpartition("))")[0].replace("''", "")
    shell = await asyncio.create_subprocess_exec(
        "bash", "-ec", 'eval "ws=( $1 )"; ls', "bash", words, cwd=tmp_path, stdout=PIPE
    )
    listed, _ = await shell.communicate()
    assert (listed, shell.returncode) == (b"", 0)


@pytest.mark.parametrize("variables", [{"P0_SERVER": "http://127.0.0.1:9"}, {"P0_CONFIG": "/nowhere"}])
async def test_without_an_answer_nothing_is_offered(stage: Stage, variables: dict[str, str]) -> None:
    ran = await complete(stage, "p0 psql -d my", **variables)
    assert (ran.out.strip(), ran.err) == ("", "")
