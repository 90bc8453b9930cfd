"""The one door to libpg_query, PostgreSQL's own parser (the grammar of PostgreSQL 18), through postgast.

The tree is taken as JSON, not as postgast's protocol buffers: those refuse what is nested deeper than 50 levels, and
reading them takes three times as long. A node is `{"SelectStmt": {…}}`, or the bare members where the grammar leaves no
choice of type; zero, false and empty members are absent. `location`s are offsets in UTF-8 bytes.

Text must have passed the guard: the library crashes on what the guard refuses.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from postgast.errors import PgQueryError, check_error
from postgast.native import lib  # postgast's own JSON entry; the locked version is pinned, and a test holds it

from p0_access.errors import ReadingError
from p0_access.permissions import elsewhere
from p0_access.permissions.places import Places

Node = dict[str, Any]


class _RawStmt(msgspec.Struct, gc=False):
    """PostgreSQL's own: `stmt_location` and `stmt_len` in bytes; no length is all the rest."""

    stmt: dict[str, Node]
    stmt_location: int = 0
    stmt_len: int = 0


class _ParseResult(msgspec.Struct, gc=False):
    stmts: list[_RawStmt] = []


_PARSE: Final = lib.pg_query_parse
_FREE: Final = lib.pg_query_free_parse_result
_DECODE: Final = msgspec.json.Decoder(_ParseResult).decode


MAX_TREE_BYTES: Final = 1_500_000
"""As JSON. What people write takes some ten times as much as its text; this ends lists of names and nothing else."""


class Statement(msgspec.Struct, frozen=True):
    """One statement of a text: its node, and where it stands, in characters."""

    kind: str
    node: Node
    start: int
    end: int


def parse(sql: str, places: Places) -> tuple[Statement, ...]:
    """The statements of guarded SQL, split as the parser saw them; raises ReadingError with line and column."""
    found: list[Statement] = []
    for raw in _tree(sql, places):
        ((kind, node),) = raw.stmt.items()
        begin, length = raw.stmt_location, raw.stmt_len
        start = places.character(begin) if begin else 0
        end = places.character(begin + length) if length else len(sql)
        found.append(Statement(kind, node, start, end))
    return tuple(found)


def _tree(sql: str, places: Places) -> list[_RawStmt]:
    result = _PARSE(sql.encode())
    try:
        if result.error:
            check_error(result)
        tree = result.parse_tree
        if len(tree) > MAX_TREE_BYTES:
            raise ReadingError("the SQL has too many parts", code="too_complex", hint="Split it.")
        return _DECODE(tree).stmts
    except PgQueryError as error:
        at = max(error.cursorpos - 1, 0)  # this one place counts characters
        line, column = places.line_and_column(at)
        hint = elsewhere.syntax(error.message, sql, at)
        raise ReadingError(error.message, code="syntax_error", hint=hint, line=line, column=column) from error
    except RecursionError as error:
        raise ReadingError("the SQL is nested too deeply", code="too_complex", hint="Split it.") from error
    finally:
        _FREE(result)


def same_meaning(one: str, other: str) -> bool:
    """Whether two guarded texts are the same to PostgreSQL's parser, but for layout and comments."""
    try:
        return _bare_statements(one) == _bare_statements(other)
    except ReadingError:
        return False


def _bare_statements(sql: str) -> list[Any]:
    return [_bare(each.stmt) for each in _tree(sql, Places(sql))]


def _bare(node: Any) -> Any:
    """A tree without the places of its nodes."""
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key not in _PLACES}
    return node


_PLACES: Final = frozenset(
    {"location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"}
    | {"name_location"}
)
