"""`p0 explain`: what SQL needs and why, and how it would be routed. No request is made."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from p0_launcher.commands.common import in_order, out, profile, run
from p0_launcher.commands.sources import read_text
from p0_launcher.completion import databases
from p0_launcher.errors import UsageError
from p0_launcher.explaining import NewSession, json_lines, over_catalog, over_database, statements

if TYPE_CHECKING:
    from p0_access.permissions.permission import Permission
    from p0_access.permissions.reading import Reading, Refused
    from p0_access.routing.decision import Decision

FORMATS: Final = ("table", "json", "sql")
INPUTS: Final = ("sql", "jsonl")

Given = Sequence[tuple[str, str]]
"""-c and -f, in order."""


class _Explained(NamedTuple):
    """`name` is what a line of JSON is called; `decision` is the server's preview; None without a server, or where
    something was not understood."""

    reading: Reading
    name: Any = None
    decision: Decision | None = None


def explain(
    ctx: typer.Context,
    *,
    database: Annotated[
        str | None,
        typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases),
    ] = None,
    dsn: Annotated[
        str | None, typer.Option(metavar="DSN", help="Read over a connection of your own; PostgreSQL reads it, too.")
    ] = None,
    static: Annotated[bool, typer.Option("--static", help="With --dsn: leave PostgreSQL's own reading out.")] = False,
    catalog: Annotated[
        str | None, typer.Option(metavar="FILE", help="Read offline, over what `p0 ls … --json` printed.")
    ] = None,
    command: Annotated[list[str] | None, typer.Option("-c", "--command", metavar="SQL", help="Repeatable.")] = None,
    file: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="FILE", help="- is the standard input. Repeatable.")
    ] = None,
    lines: Annotated[
        str, typer.Option("-i", "--input", metavar="sql|jsonl", help='jsonl: lines of {"id", "sql", "search_path"}.')
    ] = "sql",
    output: Annotated[str, typer.Option("-o", "--output", metavar="table|json|sql")] = "table",
    search_path: Annotated[str | None, typer.Option(metavar="A,B", help="Schemas that give names meaning.")] = None,
    grantee: Annotated[str, typer.Option(metavar="NAME", help="Whom -o sql grants to.")] = "grantee",
    reason: Annotated[str | None, typer.Option(metavar="TEXT", envvar="P0_REASON")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Also each rule that was considered, and why not.")] = False,
) -> None:
    """Say what SQL needs, why, and how it would be routed.

    With -d the server reads it; with --catalog this machine does, without a network; with --dsn this machine and the
    database. -o json prints one line for each statement, -o sql the GRANTs.

    Example: p0 explain -d mydatabase -c "select name from enterprise.markets"
    """
    if output not in FORMATS or lines not in INPUTS:
        raise UsageError("-o is table, json or sql; -i is sql or jsonl", code="usage")
    if dsn is not None and catalog is not None:
        raise UsageError("--dsn or --catalog, not both", code="usage")
    path = None if search_path is None else tuple(part.strip() for part in search_path.split(","))
    given = list(in_order(ctx, command=command, file=file))
    if not given:
        raise UsageError("which SQL?", code="usage", hint="-c 'select …', -f FILE, or -f - for the standard input")
    database = database or os.environ.get("P0_DATABASE")
    by_line = lines == "jsonl"
    if dsn is not None:
        explained = _here(over_database(dsn, static=static), given, path, by_line=by_line)
    elif catalog is not None:
        explained = _here(over_catalog(catalog), given, path, by_line=by_line)
    elif database is not None:
        explained = _online(database, given, path, reason or os.environ.get("P0_REASON"), by_line=by_line)
    else:
        raise UsageError("over which database?", code="usage", hint="-d NAME, or --catalog FILE without a network")
    refused = run(_print(explained, _Printer(output, grantee, trace=trace)))
    if refused is not None:
        raise refused.error()


async def _here(
    opened: AbstractAsyncContextManager[NewSession], given: Given, path: tuple[str, ...] | None, *, by_line: bool
) -> AsyncIterator[_Explained]:
    """Statement by statement. Each line of JSON is a session of its own; `--search-path` overrides what lines say."""
    async with opened as new_session:
        if not by_line:
            session = new_session(path)
            for part in statements(given):
                yield _Explained(await session.read(part.text, line=part.line, column=part.column))
            return
        for each in json_lines(given):
            if each.problem is not None:
                yield _Explained((_malformed(each.sql, each.problem),))
                continue
            session = new_session(each.search_path if path is None else path)
            yield _Explained(await session.read(each.sql, line=1, column=1), each.name)


async def _online(
    database: str, given: Given, path: tuple[str, ...] | None, reason: str | None, *, by_line: bool
) -> AsyncIterator[_Explained]:
    """All texts together, or each line of JSON by itself."""
    from p0_launcher.connection import connect

    async with connect(profile()) as connection:
        await connection.workflow.database(database)
        if not by_line:
            texts = tuple(read_text(value) if name == "file" else value for name, value in given)
            answer = await connection.api.explain(database, texts, search_path=path, reason=reason)
            yield _Explained(answer.statements, None, answer.decision)
            return
        for each in json_lines(given):
            if each.problem is not None:
                yield _Explained((_malformed(each.sql, each.problem),))
                continue
            own = each.search_path if path is None else path
            answer = await connection.api.explain(database, (each.sql,), search_path=own, reason=reason)
            yield _Explained(answer.statements, each.name, answer.decision)


def _malformed(text: str, problem: str) -> Refused:
    from p0_access.permissions.reading import Refused

    return Refused(index=0, text=text, code="malformed_line", message=problem, hint=None, line=1, column=1)


async def _print(explained: AsyncIterator[_Explained], printer: _Printer) -> Refused | None:
    """Prints each as it comes; the first that was not understood, for the status and stderr."""
    from p0_access.permissions.reading import Refused

    first: Refused | None = None
    async for each in explained:
        printer.take(each)
        first = first or next((one for one in each.reading if isinstance(one, Refused)), None)
    printer.end()
    return first


class _Printer:
    """Writes to stdout what was explained, at once but for GRANTs, which are of all statements together."""

    def __init__(self, output: str, grantee: str, *, trace: bool) -> None:
        self._output = output
        self._grantee = grantee
        self._trace = trace
        self._permissions: dict[Permission, None] = {}

    def take(self, explained: _Explained) -> None:
        from p0_access.permissions.explain import to_comment, to_json_lines, to_table
        from p0_access.permissions.reading import Refused

        reading, name, decision = explained
        if self._output == "json":
            for line in to_json_lines(reading):
                out(line if name is None else _with_id(line, name))
        elif self._output == "table":
            for line in (*to_table(reading), *self._verdict(decision)):
                out(line)
        else:
            for each in reading:
                if isinstance(each, Refused):
                    out(to_comment(each))
                else:
                    self._permissions.update(dict.fromkeys(each.permissions))
        sys.stdout.flush()

    def end(self) -> None:
        if self._output == "sql":
            from p0_access.permissions.explain import to_grants

            for line in to_grants(self._permissions, self._grantee):
                out(line)

    def _verdict(self, decision: Decision | None) -> Sequence[str]:
        if decision is None:
            return ()
        from p0_launcher.render import decision_lines, trace_lines

        return ("", *decision_lines(decision), *(("", *trace_lines(decision)) if self._trace else ()))


def _with_id(line: str, name: object) -> str:
    import msgspec

    return msgspec.json.encode({"id": name, **msgspec.json.decode(line)}).decode()
