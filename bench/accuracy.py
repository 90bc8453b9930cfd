"""How often what is read from SQL is what PostgreSQL checks: the kernel alone, and with PostgreSQL's own reading.

Over the cases of inference, and over PostgreSQL's regression tests and the queries of TPC-H and TPC-DS where they were
fetched (tools/fetch-corpus.sh).
PostgreSQL's permission info says what is needed, and a role that holds what was read tries (tests/inference_proof).

    sufficient   of those understood: a role with exactly that is not denied
    exact        and nothing is beyond it, but for what a function or trigger needs in another turn than it took
    over-grant   permissions beyond, for each that is needed
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from bench import cases
from bench.harness import Table
from p0_demo.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from inference_proof.judge import Judged, Verdict

TITLE: Final = "Accuracy: what is read from SQL against what PostgreSQL checks"

TESTS: Final = Path(__file__).parent.parent / "tests"
THEMES: Final = ("select", "writing", "views_and_functions", "utility")
EVERY: Final = 3
"""One in so many statements of the regression tests and the benchmarks' queries."""

SCRIPTS: Final = (
    *("aggregates", "copydml", "copyselect", "delete", "domain", "foreign_key", "groupingsets", "identity", "inherit"),
    *("insert", "insert_conflict", "join", "limit", "merge", "partition_prune", "portals", "prepare", "rangefuncs"),
    *("returning", "rowsecurity", "rowtypes", "rules", "select", "select_distinct", "select_views", "sequence"),
    *("subselect", "tablesample", "triggers", "truncate", "tsrf", "union", "updatable_views", "update", "window"),
    "with",
)
WIDTH: Final = 58
SHOWN: Final = 12
"""Wrong statements that are named, of each reading."""


async def run(table: Table) -> None:
    sys.path.append(str(TESTS))  # the proof is the tests'
    logging.getLogger("p0.agent.reading").disabled = True  # differences are counted here
    table.tell(f"{'':{WIDTH}}{'statements':>11}{'refused':>9}{'sufficient':>12}{'exact':>9}{'over-grant':>12}")
    async with EmbeddedPostgres(settings={"fsync": "off"}) as server:
        _told(table, "the cases of inference", [each async for each in _cases(server)])
        _told(table, "PostgreSQL's regression tests", [each async for each in _regression(server)])
        _told(table, "TPC-H and TPC-DS", [each async for each in _tpc(server)])


async def _cases(server: EmbeddedPostgres) -> AsyncIterator[Judged]:
    from inference_proof.judge import judging

    await _create(server, "mydb")  # some of them name it
    async with await psycopg.AsyncConnection.connect(**server.superuser("mydb"), autocommit=True) as connection:
        await connection.execute((cases.CASES / "schema.sql").read_bytes())
    async with judging(server.superuser("mydb")) as judge:
        for statement in cases.statements(*THEMES):
            found = await judge.judge(statement)
            if found is not None:
                yield found


async def _regression(server: EmbeddedPostgres) -> AsyncIterator[Judged]:
    from inference_proof import corpus
    from inference_proof.judge import judging

    scripts = corpus.folder()
    if scripts is None:
        return
    await _create(server, "regression")
    async with judging(server.superuser("regression")) as judge:
        await corpus.prepare(judge.connection, scripts)
        judge.changed()
        for script in SCRIPTS:
            async for found in corpus.judged(judge, scripts, script, every=EVERY):
                yield found


async def _tpc(server: EmbeddedPostgres) -> AsyncIterator[Judged]:
    from inference_proof import tpc
    from inference_proof.judge import judging

    files = tpc.folder()
    if files is None:
        return
    for benchmark in tpc.BENCHMARKS:
        await _create(server, benchmark)
        async with await psycopg.AsyncConnection.connect(**server.superuser(benchmark), autocommit=True) as connection:
            await tpc.create(connection, benchmark, files)
            queries = await tpc.queries(connection, benchmark, files, every=EVERY)
        async with judging(server.superuser(benchmark)) as judge:
            for query in queries:
                found = await judge.judge(query)
                if found is not None:
                    yield found


async def _create(server: EmbeddedPostgres, database: str) -> None:
    async with await psycopg.AsyncConnection.connect(**server.superuser(), autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _told(table: Table, corpus: str, judged: list[Judged]) -> None:
    if not judged:
        table.tell(f"{corpus}: not fetched")
        return
    for name, verdicts in (
        ("the kernel alone", [each.kernel for each in judged]),
        ("with PostgreSQL's reading", [each.combined for each in judged]),
    ):
        table.tell(f"{f'{corpus}, {name}':{WIDTH}}{_figures(verdicts)}")
        wrong = [
            (verdict, each)
            for verdict, each in zip(verdicts, judged, strict=True)
            if verdict.outcome in ("insufficient", "over")
        ]
        for verdict, each in wrong[:SHOWN]:
            table.tell(f"    {verdict.outcome}: {' '.join(each.statement.split())[:120]}")
        refused = Counter(each.code for each in verdicts if each.outcome == "refused")
        if refused:
            table.tell("    refused: " + ", ".join(f"{code} {count}" for code, count in refused.most_common()))
    differ = sum(each.differ for each in judged)
    table.tell(f"    the two readings differ on {differ}; on {_stood_in(judged)} of them the kernel could not tell")


def _stood_in(judged: Iterable[Judged]) -> int:
    return sum(each.differ and each.kernel.outcome == "refused" for each in judged)


def _figures(verdicts: list[Verdict]) -> str:
    understood = [each for each in verdicts if each.outcome != "refused"]
    sufficient = sum(each.outcome != "insufficient" for each in understood)
    exact = sum(each.outcome in ("exact", "cautious") for each in understood)
    beyond = sum(len(each.beyond) for each in understood if each.outcome == "over")
    needed = sum(len(each.needed) for each in understood)
    count = len(understood) or 1
    return (
        f"{len(verdicts):>11}{len(verdicts) - len(understood):>9}{sufficient / count:>12.2%}"
        f"{exact / count:>9.2%}{beyond / (needed or 1):>12.4f}"
    )
