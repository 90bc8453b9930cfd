"""What the analysis of one statement carries along: the catalog, what is charged, and how to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from p0_access.permissions.builtin import SCHEMAS, Builtin, builtin
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer.charges import Charges, Reason
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Permission, usage
from p0_access.permissions.reading import ReadingWarning

MAX_DEPTH: Final = 16
"""Of views in views and functions in functions."""


class RefusedError(Exception):
    """The statement is not understood. `location` is the byte where; less than 0 is its beginning."""

    def __init__(self, code: str, message: str, location: int = -1, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.location = location
        self.hint = hint


class Session:
    """What earlier statements of the same text left behind."""

    def __init__(self) -> None:
        self.prepared: dict[str, Node] = {}
        self.cursors: set[str] = set()


class Context:
    """One statement's, or one body's: that of a view or function which the statement uses.

    `charges` is where charges go at the moment; `callers` what the caller is charged even inside a view of somebody
    else's (functions and sequences). `usages` holds the schemas that names were looked up in, `reached` what owners are
    charged. `parameters` are names and `$n` that a function's body may use. `stack` names the bodies around this one;
    `as_owner` says that PostgreSQL checks this body's relations against a view's owner. `session_path` is what the
    session searches, whatever this body does.
    """

    def __init__(
        self,
        catalog: Catalog,
        search_path: tuple[str, ...],
        *,
        stack: tuple[str, ...] = (),
        as_owner: bool = False,
        parameters: frozenset[str] = frozenset(),
        session: Session | None = None,
        session_path: tuple[str, ...] | None = None,
    ) -> None:
        self.catalog: Catalog = catalog
        self.builtin: Builtin = builtin()
        self.search_path = search_path
        self.session_path = search_path if session_path is None else session_path
        self.stack = stack
        self.as_owner = as_owner
        self.parameters = parameters
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

    def name_schema(self, schema: str, clause: str, location: int) -> None:
        """USAGE on a schema in which something is found by its name."""
        if schema not in SCHEMAS:
            self.usages.need(usage(schema), Reason(clause, location))

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

    def enter(self, name: str, location: int) -> tuple[str, ...]:
        """The stack for a body called `name`; refuses recursion and too much depth."""
        if name in self.stack:
            raise RefusedError("recursive_body", f"{name} uses itself", location)
        if len(self.stack) >= MAX_DEPTH:
            raise RefusedError("too_complex", f"more than {MAX_DEPTH} views or functions use each other", location)
        return (*self.stack, name)
