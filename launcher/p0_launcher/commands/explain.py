"""`p0 explain`: what SQL needs and why, and how it would be routed. No request is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from p0_access.errors import MalformedError
from p0_launcher.commands.common import in_order, out, profile, run
from p0_launcher.commands.sources import read_text
from p0_launcher.completion import databases
from p0_launcher.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from p0_access.permissions.catalog import Catalog
    from p0_access.permissions.reading import Reading
    from p0_access.routing.decision import Decision

FORMATS: Final = ("table", "json", "sql")


class _Draft(NamedTuple):
    """Texts that are explained together; a `name` is echoed with each of their statements."""

    texts: tuple[str, ...]
    search_path: tuple[str, ...] | None
    name: Any = None


class _Explained(NamedTuple):
    """`decision` is the server's preview; None without a server, or where something was not understood."""

    draft: _Draft
    reading: Reading
    decision: Decision | None


def explain(
    ctx: typer.Context,
    *,
    database: Annotated[
        str | None,
        typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases),
    ] = None,
    catalog: Annotated[
        str | None, typer.Option(metavar="FILE", help="Read offline, over what `p0 ls NAME --json` printed.")
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
    """Say what SQL needs and why, and how a request for it would be routed.

    With -d the server reads it; with --catalog this machine does, without a network. -o json prints one line for each
    statement, -o sql the GRANTs.

    Example: p0 explain -d mydatabase -c "select name from enterprise.markets"
    """
    if output not in FORMATS or lines not in {"sql", "jsonl"}:
        raise UsageError("-o is table, json or sql; -i is sql or jsonl", code="usage")
    path = None if search_path is None else tuple(part.strip() for part in search_path.split(","))
    texts = [read_text(value) if name == "file" else value for name, value in in_order(ctx, command=command, file=file)]
    if not texts:
        raise UsageError("which SQL?", code="usage", hint="-c 'select …', -f FILE, or -f - for the standard input")
    drafts = list(_from_json_lines(texts, path)) if lines == "jsonl" else [_Draft(tuple(texts), path)]
    database = database or os.environ.get("P0_DATABASE")
    if catalog is not None:
        known = _catalog(catalog)
        explained = [_offline(draft, known) for draft in drafts]
    elif database is not None:
        explained = run(_online(database, drafts, reason or os.environ.get("P0_REASON")))
    else:
        raise UsageError("over which database?", code="usage", hint="-d NAME, or --catalog FILE without a network")
    for line in _printed(explained, output, grantee, trace=trace):
        out(line)
    _raise_refusal(explained)


def _from_json_lines(texts: Sequence[str], path: tuple[str, ...] | None) -> Iterator[_Draft]:
    """`--search-path` overrides what the lines say."""
    import msgspec

    from p0_access.encoding import strict_json

    for number, line in enumerate((line for text in texts for line in text.splitlines() if line.strip()), start=1):
        try:
            given = strict_json(line.encode())
            sql = msgspec.convert(given["sql"], str)
            own = msgspec.convert(given.get("search_path"), tuple[str, ...] | None)
        except (MalformedError, msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f'line {number} of the input is not an object with a text "sql"', code="usage") from error
        yield _Draft((sql,), own if path is None else path, given.get("id"))


def _catalog(name: str) -> Catalog:
    from p0_access.encoding import decode
    from p0_access.permissions.catalog import Catalog
    from p0_launcher.catalogs import MAX_CATALOG_BYTES

    try:
        return decode(read_text(name), Catalog, max_bytes=MAX_CATALOG_BYTES)
    except MalformedError as error:
        raise ConfigurationError(
            f"{name} is not a catalog: {error}", code="catalog_malformed", hint="p0 ls NAME --json prints one"
        ) from error


def _offline(draft: _Draft, catalog: Catalog) -> _Explained:
    from p0_access.permissions.infer import read
    from p0_access.permissions.reading import DEFAULT_SEARCH_PATH
    from p0_access.permissions.second_opinion import with_second_opinion

    reading: Reading = ()
    for text in draft.texts:
        reading += read(text, catalog, search_path=draft.search_path or DEFAULT_SEARCH_PATH, index_from=len(reading))
    return _Explained(draft, with_second_opinion(reading), None)


async def _online(database: str, drafts: Sequence[_Draft], reason: str | None) -> list[_Explained]:
    from p0_launcher.connection import connect

    async with connect(profile()) as connection:
        await connection.workflow.database(database)
        found = []
        for draft in drafts:
            answer = await connection.api.explain(database, draft.texts, search_path=draft.search_path, reason=reason)
            found.append(_Explained(draft, answer.statements, answer.decision))
        return found


def _printed(explained: Sequence[_Explained], output: str, grantee: str, *, trace: bool) -> Iterator[str]:
    from p0_access.permissions.explain import to_grants, to_json_lines, to_table

    if output == "sql":
        yield to_grants(tuple(one for item in explained for one in item.reading), grantee).rstrip("\n")
        return
    for draft, reading, decision in explained:
        if output == "table":
            yield "\n".join((*to_table(reading), *_verdict(decision, trace=trace)))
        elif draft.name is None:
            yield from to_json_lines(reading)
        else:
            yield from (_with_id(line, draft.name) for line in to_json_lines(reading))


def _with_id(line: str, name: object) -> str:
    import msgspec

    return msgspec.json.encode({"id": name, **msgspec.json.decode(line)}).decode()


def _verdict(decision: Decision | None, *, trace: bool) -> Iterator[str]:
    if decision is not None:
        from p0_launcher.render import decision_lines, trace_lines

        yield ""
        yield from decision_lines(decision)
        if trace:
            yield ""
            yield from trace_lines(decision)


def _raise_refusal(explained: Sequence[_Explained]) -> None:
    """The status says whether everything was understood; the first thing that was not is told on stderr too."""
    from p0_access.permissions.reading import needed

    for item in explained:
        needed(item.reading)
