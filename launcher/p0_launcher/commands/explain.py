"""`p0 explain`: what SQL needs and why, and how it would be routed. No request is made."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from p0_launcher.commands.common import in_order, out, profile, run
from p0_launcher.commands.sources import read_text
from p0_launcher.completion import databases
from p0_launcher.errors import SqlRefusedError, UsageError
from p0_launcher.explaining import (
    STDIN,
    Given,
    Sessions,
    is_piped,
    json_lines,
    over_catalog,
    over_database,
    statements,
)
from p0_launcher.explaining import files as sql_files

if TYPE_CHECKING:
    from p0_access.permissions.catalog import Catalog
    from p0_access.permissions.permission import Permission
    from p0_access.permissions.reading import Reading, Refused
    from p0_access.routing.decision import Decision

FORMATS: Final = ("table", "json", "sql")
INPUTS: Final = ("sql", "jsonl")


class _Explained(NamedTuple):
    """`name` is what a line of JSON is called, `file` where the statements stand, if it has a name. `decision` is the
    server's preview, None without a server, or where something was not understood; `catalog` what was read over, if it
    is here."""

    reading: Reading
    name: Any = None
    decision: Decision | None = None
    file: str | None = None
    catalog: Catalog | None = None


def explain(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="SQL; of a folder all that ends in .sql.")
    ] = None,
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

    Example: p0 explain --dsn "$DATABASE_URL" -o sql --grantee ci migrations/
    """
    if output not in FORMATS or lines not in INPUTS:
        raise UsageError("-o is table, json or sql; -i is sql or jsonl", code="usage", hint="p0 explain --help")
    if dsn is not None and catalog is not None:
        raise UsageError(
            "--dsn or --catalog, not both", code="usage", hint="A database is read as it is now, a catalog as it was"
        )
    path = None if search_path is None else tuple(part.strip() for part in search_path.split(","))
    given = [*in_order(ctx, command=command, file=file), *(("file", each) for each in sql_files(files or ()))]
    if not given:
        if not is_piped():
            raise UsageError("which SQL?", code="usage", hint="-c 'select …', FILE, or a pipe into it")
        given.append(("file", STDIN))
    database = database or os.environ.get("P0_DATABASE")
    by_line = lines == "jsonl"
    if dsn is not None:
        explained = _here(over_database(dsn, static=static), given, path, by_line=by_line)
    elif catalog is not None:
        explained = _here(over_catalog(catalog), given, path, by_line=by_line)
    elif database is not None:
        explained = _online(database, given, path, reason or os.environ.get("P0_REASON"), by_line=by_line)
    else:
        raise UsageError(
            "over which database?", code="usage", hint="-d NAME; --dsn DSN or --catalog FILE without a server"
        )
    if problem := run(_print(explained, _Printer(output, grantee, trace=trace))):
        raise problem


async def _here(
    opened: AbstractAsyncContextManager[Sessions], given: Given, path: tuple[str, ...] | None, *, by_line: bool
) -> AsyncIterator[_Explained]:
    """Statement by statement. Each line of JSON is a session of its own; `--search-path` overrides what lines say."""
    async with opened as (catalog, new_session):
        if not by_line:
            session = new_session(path)
            for part, file in statements(given):
                reading = await session.read(part.text, line=part.line, column=part.column)
                yield _Explained(reading, file=file, catalog=catalog)
            return
        for each in json_lines(given):
            if each.problem is not None:
                yield _Explained((_malformed(each.sql, each.problem),))
                continue
            session = new_session(each.search_path if path is None else path)
            yield _Explained(await session.read(each.sql, line=1, column=1), each.name, catalog=catalog)


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


async def _print(explained: AsyncIterator[_Explained], printer: _Printer) -> SqlRefusedError | None:
    """Prints each as it comes. What the first was that was not understood, for the status and stderr."""
    from p0_access.permissions.explain import place
    from p0_access.permissions.reading import Refused

    first: tuple[Refused, str | None] | None = None
    count = 0
    async for each in explained:
        printer.take(each)
        for one in each.reading:
            if isinstance(one, Refused):
                first = first or (one, each.file)
                count += 1
    printer.end()
    if first is None:
        return None
    refused, file = first
    more = f" (the first of {count} that are not understood)" if count > 1 else ""
    return SqlRefusedError(f"{place(refused, file)}: {refused.message}{more}", code=refused.code, hint=refused.hint)


class _Printer:
    """Writes to stdout what was explained, at once but for GRANTs, which are of all statements together."""

    def __init__(self, output: str, grantee: str, *, trace: bool) -> None:
        self._output = output
        self._grantee = grantee
        self._trace = trace
        self._permissions: dict[Permission, None] = {}
        self._catalog: Catalog | None = None
        self._file: str | None = None

    def take(self, explained: _Explained) -> None:
        from p0_access.permissions.explain import to_comment, to_json_lines, to_table
        from p0_access.permissions.reading import Refused

        reading, name, decision, file, self._catalog = explained
        if self._output == "json":
            for line in to_json_lines(reading, file):
                out(line if name is None else _with_id(line, name))
        elif self._output == "table":
            if file != self._file and file is not None:
                out(f"{file}:")
            self._file = file
            for line in (*to_table(reading), *self._verdict(decision)):
                out(line)
        else:
            for each in reading:
                if isinstance(each, Refused):
                    out(to_comment(each, file))
                else:
                    self._permissions.update(dict.fromkeys(each.permissions))
        sys.stdout.flush()

    def end(self) -> None:
        if self._output == "sql":
            from p0_access.permissions.explain import to_grants

            for line in to_grants(self._settled(), self._grantee):
                out(line)

    def _settled(self) -> Iterable[Permission]:
        """Where any one column will do, one that is not tagged."""
        if self._catalog is None:
            return self._permissions
        from p0_access.permissions.settle import comment_tags, settle

        tags = comment_tags(self._catalog, self._permissions)
        return settle(self._permissions, self._catalog, tagged=lambda *column: column in tags)

    def _verdict(self, decision: Decision | None) -> Sequence[str]:
        if decision is None:
            return ()
        from p0_launcher.render import decision_lines, trace_lines

        return ("", *decision_lines(decision), *(("", *trace_lines(decision)) if self._trace else ()))


def _with_id(line: str, name: object) -> str:
    import msgspec

    return msgspec.json.encode({"id": name, **msgspec.json.decode(line)}).decode()
