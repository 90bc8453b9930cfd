"""What the proof of inference rests on can fail: too little, too much and refusals are told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from inference_proof import judge as judging_module
from inference_proof.judge import Judge, judging
from inference_proof.scripts import statements
from p0_access.permissions.permission import Permission, column, usage
from p0_demo.postgres import EmbeddedPostgres

STATEMENT = "select e.name from hr.employees e where e.dept = 'd1'"
NEEDED = (usage("hr"), column("hr", "employees", "dept", "SELECT"), column("hr", "employees", "name", "SELECT"))
MORE = column("hr", "employees", "salary", "SELECT")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres, shop_database: str) -> AsyncIterator[Judge]:
    async with judging(postgres.superuser(shop_database)) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("said", "outcome", "lacks", "beyond"),
    [
        (NEEDED, "exact", (), ()),
        (NEEDED[:-1], "insufficient", NEEDED[-1:], ()),
        (NEEDED[1:], "insufficient", (), ()),
        ((*NEEDED, MORE), "over", (), (MORE,)),
        ("too_complex", "refused", (), ()),
    ],
    ids=["right", "a column too few", "a schema too few", "a column too many", "refused"],
)
async def test_a_reading_is_judged(
    said: tuple[Permission, ...] | str,
    outcome: str,
    lacks: tuple[Permission, ...],
    beyond: tuple[Permission, ...],
    judge: Judge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging_module, "_kernel", lambda *_: said)
    judged = await judge.judge(STATEMENT)
    assert judged is not None
    assert judged.expected == set(NEEDED[1:])
    assert (judged.kernel.outcome, judged.kernel.lacks, judged.kernel.beyond) == (outcome, lacks, beyond)
    assert judged.combined.outcome == "exact"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_does_not_run_is_not_judged(judge: Judge) -> None:
    assert await judge.judge("select nothing from hr.employees") is None


def test_scripts_are_cut_as_psql_does() -> None:
    script = (
        "-- first\nselect 1; select ';' as \";\", $$;$$ /* ; */;\n\\d t\ncopy t from stdin;\n1\t;\n\\.\n"
        "create temp table t (a int);\ncreate rule r as on insert to t do (select 1; select 2);\n"
        "create function f() returns int begin atomic select 1; select 2; end;\nselect 2 \\gset\nselect 3"
    )
    assert list(statements(script)) == [
        "select 1",
        "select ';' as \";\", $$;$$ /* ; */",
        "copy t from stdin",
        "create table t (a int)",
        "create rule r as on insert to t do (select 1; select 2)",
        "create function f() returns int begin atomic select 1; select 2; end",
        "select 2 \\gset\nselect 3",
    ]
