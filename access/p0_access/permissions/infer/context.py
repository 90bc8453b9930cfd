"""What the analysis of one statement carries along: the catalog, what is charged, and how to refuse."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, NamedTuple, Self

from p0_access.permissions.builtin import SCHEMAS, Builtin, builtin
from p0_access.permissions.catalog import Catalog, Function, Relation, Type
from p0_access.permissions.infer.charges import Charges, Reason
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Permission, usage
from p0_access.permissions.reading import ReadingWarning
from p0_access.permissions.suggest import MAX_COMPARED, did_you_mean

TEMPORARY: Final = "pg_temp"
"""What stands for the schema of the session's temporary relations."""

MAX_DEPTH: Final = 24
"""Of views in views and functions in functions."""
MAX_STEPS: Final = 40_000
"""That reading one text may take, of some two microseconds: a thousand usual statements, and an end for what hangs."""
MAX_COLUMNS: Final = 1_664
"""Of a row or select list; PostgreSQL has no more (MaxTupleAttributeNumber)."""
_MAX_CANDIDATES: Final = 5 * MAX_COMPARED
"""Names that are compared, for hints to the wrong ones of one text."""


class RefusedError(Exception):
    """The statement is not understood. `location` is the byte where; less than 0 is its beginning."""

    def __init__(self, code: str, message: str, location: int = -1, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.location = location
        self.hint = hint


def refuse_unreadable(found: Relation | Function | Type, place: int = -1) -> None:
    """Raises for what the snapshot holds without some definition that belongs to it."""
    if found.unreadable:
        raise RefusedError(
            "unreadable_object",
            f"PostgreSQL cannot print a definition of {found.schema}.{found.name}, so what it does is not known",
            place,
            "Something that it is made of is gone from the database: its owner can tell, and repair or drop it.",
        )


class ExhaustedError(Exception):
    """Reading the text takes too much. No RefusedError, so that nothing is remembered of what was being read."""

    def __init__(self, location: int) -> None:
        super().__init__("reading the text would take too long: it names too much at once")
        self.location = location


class Effort:
    """What reading one text may still take: steps, and names to compare for hints. `paid` are the bodies behind it that
    were counted, by their keys, and `metering` is what is being read."""

    __slots__ = ("candidates", "metering", "paid", "steps")

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.candidates = _MAX_CANDIDATES
        self.paid: set[tuple[str, ...]] = set()
        self.metering: Meter | None = None


class Meter:
    """Counts the steps that reading one body takes, without the `others` of the bodies behind it: `behind` are the keys
    of those."""

    __slots__ = ("_before", "_begun", "_effort", "behind", "others")

    def __init__(self, effort: Effort) -> None:
        self._effort = effort
        self._before = effort.metering
        self._begun = effort.steps
        self.others = 0
        self.behind: list[tuple[str, ...]] = []

    def __enter__(self) -> Self:
        self._effort.metering = self
        return self

    def __exit__(self, *_: object) -> None:
        self._effort.metering = self._before

    @property
    def steps(self) -> int:
        """Its own, so far."""
        return self._begun - self._effort.steps - self.others

    def counted(self, key: tuple[str, ...]) -> None:
        """The body was read and is kept under that key: around it, its steps do not count."""
        self._effort.paid.add(key)
        if self._before is not None:
            self._before.others += self._begun - self._effort.steps
            self._before.behind.append(key)

    def dissolved(self) -> None:
        """The body is not kept: around it, its own steps count, and what is behind it is behind that, too."""
        if self._before is not None:
            self._before.others += self.others
            self._before.behind += self.behind


class _Expansion:
    """What all bodies behind one statement share: where recursion was cut short, and what was read meanwhile, which
    lacks what is around it and must not outlive that."""

    __slots__ = ("cut", "partial")

    def __init__(self) -> None:
        self.cut: set[str] = set()
        self.partial: dict[tuple[str, ...], object] = {}


class Session:
    """What earlier statements of the same text left behind. `made` are the relations it made, by name, `views` what
    reading its temporary views costs. `lastval` says that the last value drawn was of a sequence that was charged."""

    def __init__(self) -> None:
        self.prepared: dict[str, Node] = {}
        self.cursors: set[str] = set()
        self.made: dict[str, Relation] = {}
        self.views: dict[str, Charges] = {}
        self.lastval = False

    def copy(self) -> Session:
        """The same again, on its own."""
        found = Session()
        found.prepared.update(self.prepared)
        found.cursors.update(self.cursors)
        found.made.update(self.made)
        found.views.update(self.views)
        found.lastval = self.lastval
        return found


class Fired(NamedTuple):
    """What a trigger's function knows of why it runs: the event, the table whose rows are NEW and OLD, and the names
    of the transition tables, which have its columns too."""

    event: str
    table: Relation
    transition: frozenset[str]


class Context:
    """One statement's, or one body's: that of a view or function which the statement uses.

    `charges` is where charges go at the moment; `callers` what the caller is charged even inside a view of somebody
    else's (functions and sequences). `usages` holds the schemas that names were looked up in, `reached` what owners are
    charged. `parameters` are names that a function's body may use, with their types if known.
    `as_owner` says that PostgreSQL checks this body's relations against a view's owner, `view` which one's, if known.
    `session_path` is what the session searches, whatever this body does. `fired` is set in the body of a trigger's
    function. `effort` is shared with the other statements of the text. `inert` says that what is read will not run.
    """

    __slots__ = (
        "_callers",
        "_expansion",
        "_stack",
        "_warnings",
        "as_owner",
        "builtin",
        "catalog",
        "charges",
        "effort",
        "fired",
        "inert",
        "parameters",
        "reached",
        "search_path",
        "session",
        "session_path",
        "usages",
        "view",
        "writes",
    )

    def __init__(
        self,
        catalog: Catalog,
        search_path: tuple[str, ...],
        *,
        as_owner: bool = False,
        session: Session | None = None,
        session_path: tuple[str, ...] | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.catalog: Catalog = catalog
        self.builtin: Builtin = builtin()
        self.search_path = search_path
        self.session_path = search_path if session_path is None else session_path
        self.effort = effort or Effort()
        self.inert = False
        self._stack: tuple[str, ...] = ()
        self._expansion = _Expansion()
        self.as_owner = as_owner
        self.view: Relation | None = None
        self.parameters: dict[str, str | None] = {}
        self.fired: Fired | None = None
        self.session = session or Session()
        self.charges = Charges()
        self._callers = Charges() if as_owner else None
        self.usages = Charges()
        self.reached: dict[Permission, None] = {}
        self.writes = False
        self._warnings: dict[tuple[str, str], ReadingWarning] = {}

    @property
    def callers(self) -> Charges:
        return self.charges if self._callers is None else self._callers

    def spend(self, steps: int, location: int = -1) -> None:
        """What comes next takes so many steps; raises ExhaustedError if too many were taken."""
        self.effort.steps -= steps
        if self.effort.steps < 0:
            raise ExhaustedError(location)

    def has_columns(self, count: int, location: int) -> None:
        """A row or select list has so many columns; refuses more than PostgreSQL has."""
        self.spend(count >> 2, location)
        if count > MAX_COLUMNS:
            raise RefusedError("too_complex", f"a list can have at most {MAX_COLUMNS} columns", location)

    def did_you_mean(self, name: str, candidates: Iterable[str]) -> str | None:
        """A hint for people, if anything is near and not too many were asked for."""
        known = list(itertools.islice(candidates, max(self.effort.candidates, 0)))
        self.effort.candidates -= min(len(known), MAX_COMPARED)
        return did_you_mean(name, known)

    def name_schema(self, schema: str, clause: str, location: int) -> None:
        """USAGE on a schema in which something is found by its name."""
        if schema not in SCHEMAS:
            self.usages.need(_usage(schema), Reason(clause, location))

    def warn(self, code: str, message: str) -> None:
        self._warnings.setdefault((code, message), ReadingWarning(code=code, message=message))

    @property
    def warnings(self) -> tuple[ReadingWarning, ...]:
        return tuple(self._warnings.values())

    @contextmanager
    def charging(self, charges: Charges) -> Iterator[Charges]:
        """What is charged inside goes to `charges`."""
        outer, self.charges = self.charges, charges
        try:
            yield charges
        finally:
            self.charges = outer

    def enter(self, name: str, place: int, path: tuple[str, ...], *, as_owner: bool = False) -> Context | None:
        """A context for the body called `name`; None inside of itself, where it adds nothing."""
        if name in self._stack:
            self._expansion.cut.add(name)
            return None
        if len(self._stack) >= MAX_DEPTH:
            raise RefusedError("too_complex", f"more than {MAX_DEPTH} views or functions use each other", place)
        inner = Context(self.catalog, path, as_owner=as_owner, session_path=self.session_path, effort=self.effort)
        inner._stack = (*self._stack, name)
        inner._expansion = self._expansion
        return inner

    def leave(self, name: str) -> bool:
        """After the body called `name` was read: whether it was read completely, or lacks one around it."""
        self._expansion.cut.discard(name)
        if not self._expansion.cut:
            self._expansion.partial.clear()
        return not self._expansion.cut

    @property
    def partial(self) -> dict[tuple[str, ...], object]:
        """Bodies that were read inside of themselves or of others around them. Read again there, they add nothing."""
        return self._expansion.partial


_usage: Final = lru_cache(maxsize=1024)(usage)
