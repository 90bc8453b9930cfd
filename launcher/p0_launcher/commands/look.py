"""`p0 ls`: databases, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from p0_launcher.commands.common import Json, note, out, out_json, profile, run
from p0_launcher.completion import databases
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from p0_access.messages.views import DatabaseView
    from p0_access.permissions.catalog import Catalog, Relation
    from p0_launcher.connection import Connection


def ls(
    database: Annotated[str | None, typer.Argument(metavar="DB", autocompletion=databases)] = None,
    pattern: Annotated[str | None, typer.Argument(help="schema.table, with * and ?; or a part of a name.")] = None,
    *,
    dsn: Annotated[
        str | None, typer.Option(metavar="DSN", help="Look over a connection of your own, without a server or DB.")
    ] = None,
    json: Json = False,
) -> None:
    """List databases, their relations, and their columns.

    Without a name the databases; with one its relations; with a pattern, too, the columns of those that match.

    With a database alone, --json prints its whole catalog, as `p0 explain --catalog` reads it.

    Example: p0 ls mydatabase 'enterprise.*'
    """

    async def main() -> None:
        if dsn is not None:
            from p0_launcher.explaining import catalog_of

            _print_catalog(await catalog_of(dsn), pattern or database, json=json)
            return
        from p0_launcher.connection import connect

        async with connect(profile()) as connection:
            if database is None:
                _print_databases(await connection.api.databases(), json=json)
            else:
                await _print_relations(connection, database, pattern, json=json)

    run(main())


def _print_databases(found: Sequence[DatabaseView], *, json: bool) -> None:
    from p0_launcher.render import table
    from p0_launcher.text import line

    if json:
        out_json(found)
        return
    rows = [
        (
            line(view.name, 60),
            "online" if view.online else "away",
            "yes" if view.catalog_version else "not yet",
            "same" if view.rules_match else "differ",
        )
        for view in found
    ]
    out(table(("DATABASE", "AGENT", "CATALOG", "RULES"), rows))
    for view in found:
        if not view.rules_match:
            note(f"p0: server and agent have different rules for {view.name}; the agent's decide")


async def _print_relations(connection: Connection, database: str, pattern: str | None, *, json: bool) -> None:
    from p0_launcher.catalogs import newest_catalog

    await connection.workflow.database(database)
    view = await connection.api.catalog(database)
    if view is None:
        raise UsageError(f"there is no catalog of {database} yet", code="catalog_missing", hint="Is its agent running?")
    pins, wallet = connection.profile.agents, connection.wallet
    catalog = await newest_catalog(view, database=database, pins=pins, wallet=wallet)
    _print_catalog(catalog, pattern, json=json)


def _print_catalog(catalog: Catalog, pattern: str | None, *, json: bool) -> None:
    from p0_launcher.catalogs import matching

    found = matching(catalog, pattern)
    if not found and pattern is not None:
        raise UsageError(
            f"nothing in {catalog.database} matches {pattern!r}",
            code="nothing_found",
            hint="Without a pattern everything is listed.",
        )
    if json:
        out_json(catalog if pattern is None else found)
    elif pattern is None:
        out(_relations(catalog, found))
    else:
        out("\n\n".join(_columns(relation) for relation in found))


def _relations(catalog: Catalog, found: Sequence[Relation]) -> str:
    from p0_launcher.render import table
    from p0_launcher.text import line

    rows = [(line(f"{one.schema}.{one.name}", 80), one.kind, line(one.comment or "", 80)) for one in found]
    return table((line(catalog.database, 60).upper(), "KIND", "COMMENT"), rows)


def _columns(relation: Relation) -> str:
    from p0_launcher.render import table
    from p0_launcher.text import line

    rows = [
        (
            f"  {line(column.name, 63)}",
            line(column.type, 40),
            "" if column.nullable else "not null",
            line(column.comment or "", 80),
        )
        for column in relation.columns
    ]
    return table(
        (line(f"{relation.schema}.{relation.name}", 80), relation.kind, "", line(relation.comment or "", 80)), rows
    )
