"""The reader the agent uses: the kernel's reading and PostgreSQL's own, which must agree.

    kernel, in a child that may die → PostgreSQL's analysis of each statement, as the reader → names → what is beneath →
    one set of permissions

Nothing is granted that PostgreSQL's reading does not bear out. Where the two differ, PostgreSQL is right; that is
counted, logged, and said on the admission, since it is a defect of ours.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from msgspec import UNSET

from p0_access.errors import ReadingError
from p0_access.messages.records import ReachedObject, What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission, canonical, connect, usage
from p0_access.permissions.places import Places
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, ReadingWarning, Refused, StatementReading
from p0_agent.errors import AgentError
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.reading import names, objects, postgres
from p0_agent.reading.child import ReadingChild, Understood
from p0_agent.reading.made import MadeTables
from p0_agent.reading.merging import SECOND_GUESSED, Merged, Shown, merge, stand_in
from p0_agent.reading.piece import Piece
from p0_agent.reading.reader import RequestReading
from p0_agent.reading.required import functions
from p0_agent.reading.roles import read_role
from p0_agent.reading.tree import Tree

log = logging.getLogger("p0.agent.reading")

REACH_UNKNOWN: Final = "reach_unknown"
"""The warning by which the kernel says that owner-run code does something that it does not know."""

NO_TREE: Final = Tree(
    command=None,
    mentions=(),
    relations=frozenset(),
    functions=frozenset(),
    operators=frozenset(),
    types=frozenset(),
    draws=frozenset(),
    blind_draws=False,
)
"""Of a statement that runs no query."""


class CatalogSource(Protocol):
    async def current(self, database: str) -> Catalog:
        """The catalog as it is now."""
        ...


class Counts(msgspec.Struct, kw_only=True):
    """Since the start: statements that were read, and those of them that the two readings differed on."""

    statements: int = 0
    differences: int = 0


class CombinedReader:
    """A `Reader`. Permissions by name are taken as they are."""

    def __init__(self, catalogs: CatalogSource, child: ReadingChild, connections: Connections) -> None:
        self._catalogs = catalogs
        self._child = child
        self._connections = connections
        self.counts: Final = Counts()

    async def read(self, database: str, what: What) -> RequestReading:
        catalog = await self._catalogs.current(database)
        if what.statement is not UNSET:
            path = DEFAULT_SEARCH_PATH if what.search_path is UNSET else what.search_path
            if what.settings:
                raise AgentError("settings cannot be asked for with a statement", code="settings_unsupported")
            return await self._statements(what.statement, catalog, path)
        if what.grant is not UNSET:
            return _named(what.grant, catalog)
        return await read_role(self._connections, catalog, what.role or "")

    async def _statements(self, texts: tuple[str, ...], catalog: Catalog, path: tuple[str, ...]) -> RequestReading:
        understood = await self._child.understand(texts, catalog, path)
        if not understood:
            raise AgentError("there is no statement in this", code="empty_sql")
        for each in understood:
            if isinstance(each.reading, Refused) and each.reading.code not in SECOND_GUESSED:
                raise each.reading.error()
        async with self._connections.reader(catalog.database) as connection:
            await postgres.check_search_path(connection, path)
            made = MadeTables()
            trees = [await analysed(connection, each, path, made) for each in understood]
            found = await names.lookup(connection, catalog, trees)
            shown = [
                await beneath(connection, catalog, each, tree, found)
                for each, tree in zip(understood, trees, strict=True)
            ]
            for each in understood:
                await _check_names(connection, each, path, made)
        merged = [self._merged(each, part, catalog) for each, part in zip(understood, shown, strict=True)]
        return _request(understood, merged, shown, catalog)

    def _merged(self, understood: Understood, shown: Shown, catalog: Catalog) -> Merged:
        reading = understood.reading
        self.counts.statements += 1
        found = together(understood, shown, catalog)
        if found.differs or isinstance(reading, Refused):
            self.counts.differences += 1
            log.warning(
                "the kernel and PostgreSQL read a statement of %s differently",
                catalog.database,
                extra={
                    "statement": hashlib.sha256(reading.text.encode()).hexdigest(),
                    "kernel_refused": reading.code if isinstance(reading, Refused) else None,
                    "kernel_lacks": [str(each) for each in found.lacking],
                    "kernel_alone": [str(each) for each in found.surplus],
                },
            )
        return found


_INSTEAD: Final = {"CREATE VIEW": "Name its query where it is used, by WITH, or make it a temporary table."}
"""Of commands that PostgreSQL cannot be asked about, what to write."""


def together(understood: Understood, shown: Shown, catalog: Catalog) -> Merged:
    """Both readings of one statement as one; raises the kernel's refusal where PostgreSQL's reading is not enough."""
    reading, piece = understood.reading, understood.piece or Piece()
    if isinstance(reading, Refused):
        found = stand_in(reading, piece, shown, catalog)
        if found is None:
            raise reading.error()
        return found
    if piece.analysed is None or not piece.plans:
        return Merged(permissions=reading.permissions, reached=reading.reached)
    if shown.tree.empty and all(each.code != "does_nothing" for each in reading.warnings):
        raise ReadingError(
            f"PostgreSQL would run nothing of this {reading.command}, which cannot be explained",
            code="reading_untrusted",
        )
    return merge(reading, piece, shown, catalog.operators)


async def analysed(connection: Connection, understood: Understood, path: Sequence[str], made: MadeTables) -> Tree:
    """PostgreSQL's tree, or that there is none to have. A refusal of the kernel's goes first: it may give hints."""
    reading, piece = understood.reading, understood.piece
    if piece is None or piece.opaque:
        if isinstance(reading, Refused):
            raise reading.error()
        raise ReadingError(
            f"PostgreSQL cannot be asked about this {reading.command}",
            code="unsupported_statement",
            hint=_INSTEAD.get(reading.command, "Write the query in it as a statement of its own."),
        )
    if piece.analysed is None:
        made.after(piece)
        return NO_TREE
    try:
        return await postgres.analyse(connection, piece, path, made)
    except postgres.RefusedByPostgresError as error:
        if isinstance(reading, Refused):
            raise reading.error() from error
        raise _placed(error, reading, piece) from error


def _placed(error: postgres.RefusedByPostgresError, reading: StatementReading, piece: Piece) -> ReadingError:
    """The place in the statement, so far as the part that was analysed can be found in it."""
    begin = reading.text.find(piece.analysed or "")
    at = 0 if error.position is None or begin < 0 else begin + error.position - 1
    line, column = Places(reading.text).line_and_column(min(at, len(reading.text)))
    return ReadingError(
        f"statement {reading.index + 1}, line {line}, column {column}: {error}",
        code=error.code,
        hint=error.hint,
        line=line,
        column=column,
    )


async def beneath(
    connection: Connection, catalog: Catalog, understood: Understood, tree: Tree, found: names.Names
) -> Shown:
    """What PostgreSQL and its catalog show of one statement whose names were looked up."""
    piece = understood.piece or Piece()
    written = _written(understood.reading) if piece.analysed is None else ()
    found_beneath = await objects.beneath(
        connection,
        catalog,
        tree,
        found,
        text=piece.beside,
        relations=written,
        routines=[name for _, name in piece.routines],
    )
    return Shown(tree=tree, names=found, beneath=found_beneath)


def _written(reading: StatementReading | Refused) -> tuple[str, ...]:
    """The relations that a utility statement writes to, as the kernel read it."""
    if isinstance(reading, Refused) or not reading.writes:
        return ()
    found = {each.object for each in reading.permissions if each.object is not None and each.schema is not None}
    return tuple(sorted(found))


async def _check_names(connection: Connection, understood: Understood, path: Sequence[str], made: MadeTables) -> None:
    """PostgreSQL must find the relations that a utility statement names where the kernel found them; it may miss only
    temporary tables that the text makes itself."""
    reading, piece = understood.reading, understood.piece
    if piece is None or not piece.relations or isinstance(reading, Refused):
        return
    theirs = await postgres.relations(connection, piece.relations, path)
    ours = {(each.schema, each.object) for each in reading.permissions}
    own = sum(made.named(each) for each in piece.relations)
    if len(theirs) + own < len(piece.relations) or not set(theirs) <= ours:
        raise ReadingError(
            f"PostgreSQL finds other relations by the names in this {reading.command}",
            code="readings_disagree",
            hint="Write schemas before names.",
        )


def _request(
    understood: Sequence[Understood], merged: Sequence[Merged], shown: Sequence[Shown], catalog: Catalog
) -> RequestReading:
    warnings: dict[ReadingWarning, None] = {}
    for each, outcome in zip(understood, merged, strict=True):
        if isinstance(each.reading, StatementReading):
            warnings.update(dict.fromkeys(each.reading.warnings))
        if outcome.differs or isinstance(each.reading, Refused):
            number = each.reading.index + 1
            warnings[
                ReadingWarning(
                    code="readings_differ",
                    message=f"p0 alone would have read statement {number} differently; PostgreSQL's reading counts",
                )
            ] = None
    for part in shown:
        _warn_of_definers(part, warnings)
        for name in part.beneath.cascades_away:
            message = f"what the foreign key {name} does is not known: it is of a table that p0 does not manage"
            warnings[ReadingWarning(code=REACH_UNKNOWN, message=message)] = None
    reached: dict[ReachedObject, None] = {}
    for part in shown:
        reached.update(dict.fromkeys(part.beneath.objects))
    return RequestReading(
        needed=canonical(permission for each in merged for permission in each.permissions),
        reached=canonical(permission for each in merged for permission in each.reached),
        reach_unknown=any(warning.code == REACH_UNKNOWN for warning in warnings),
        objects=tuple(sorted(reached, key=lambda each: (each.kind, each.oid))),
        warnings=tuple(warnings),
        catalog=catalog,
    )


def _warn_of_definers(shown: Shown, warnings: dict[ReadingWarning, None]) -> None:
    """Of functions that PostgreSQL will run with their owners' rights and the kernel did not see, such as a cast's."""
    said = "\n".join(each.message for each in warnings)
    for each in functions(shown.tree, shown.names):
        label = f"{each.schema}.{each.name}({each.types})"
        if each.security_definer and label not in said:
            message = f"what {label} does with its owner's rights is not known"
            warnings[ReadingWarning(code=REACH_UNKNOWN, message=message)] = None


def _named(grant: tuple[Permission, ...], catalog: Catalog) -> RequestReading:
    """Permissions by name, with what they imply. That they exist shows when they are granted; roles have a request of
    their own, which looks at what they give."""
    if any(permission.kind is Kind.ROLE for permission in grant):
        raise AgentError("a role is asked for as such", code="role_among_grants", hint="p0 psql --role NAME")
    schemas = {permission.schema for permission in grant if permission.schema is not None}
    return RequestReading(
        needed=canonical((*grant, *map(usage, schemas), connect(catalog.database))),
        reached=(),
        reach_unknown=False,
        objects=(),
        warnings=(),
        catalog=catalog,
    )
