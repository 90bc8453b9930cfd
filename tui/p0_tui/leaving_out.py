"""Taking columns out of a SELECT list, so that nobody needs to approve. Text in, text out; draws nothing.

Only what can mean one thing is done: whole entries of an outermost SELECT list that are the column and nothing else,
where nothing counts or compares the list's entries. Whatever else is refused, in words that say where the column is
used. The outcome is read again: it must be understood, and must not need the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import Reading, Refused, StatementReading, Why
from p0_tui.errors import TuiError
from p0_tui.scanning import Token, scan

if TYPE_CHECKING:
    from p0_access.permissions.parse import Node
    from p0_access.permissions.places import Places

_LIST: Final = "select list"
_COMMENTS: Final = frozenset({"SQL_COMMENT", "C_COMMENT"})


def leave_out(sql: str, columns: Sequence[Permission], read: Callable[[str], Reading | None]) -> str:
    """`sql` without `columns`, or a TuiError that says why it has to be done by hand. `read` is the kernel's."""
    from p0_access.permissions.parse import parse
    from p0_access.permissions.places import Places

    places = Places(sql)
    wanted = {place: item for item in columns for place in _places(item, read(sql))}
    cuts: list[tuple[int, int]] = []
    for statement in parse(sql, places):
        cuts.extend(_cuts(statement.kind, statement.node, wanted, places))
    if wanted:
        raise _by_hand(next(iter(wanted.values())), "is not an entry of the SELECT list by itself")
    text = sql.encode()
    for start, end in sorted(cuts, reverse=True):
        text = text[:start] + text[end:]
    left = text.decode()
    _verify(columns, read(left))
    return left


def _places(column: Permission, reading: Reading | None) -> list[tuple[int, int]]:
    """Where it is used, which must be SELECT lists only; lines and columns."""
    used: list[Why] = [
        why
        for statement in reading or ()
        if isinstance(statement, StatementReading)
        for need in statement.needs
        if need.permission == column
        for why in need.why
    ]
    elsewhere = next((why for why in used if why.clause != _LIST), None)
    if elsewhere is not None:
        raise _by_hand(column, f"is also used in line {elsewhere.line} ({elsewhere.clause})")
    if not used:
        raise _by_hand(column, "is not found in the SQL")
    return [(why.line, why.column) for why in used]


def _cuts(kind: str, node: Node, wanted: dict[tuple[int, int], Permission], places: Places) -> list[tuple[int, int]]:
    """The bytes to be cut out of one statement. What is found is taken out of `wanted`."""
    entries = [entry["ResTarget"] for entry in node.get("targetList", ())] if kind == "SelectStmt" else []
    found = {
        index: wanted.pop(place)
        for index, entry in enumerate(entries)
        if (place := places.of_byte(entry.get("location", 0))) in wanted and _is(entry, wanted[place])
    }
    if not found:
        return []
    column = next(iter(found.values()))
    if len(found) == len(entries):
        raise _by_hand(column, "is all that the SELECT list has")
    if "distinctClause" in node:
        raise _by_hand(column, "is what DISTINCT compares")
    if any(_counts_entries(each) for each in (*node.get("groupClause", ()), *node.get("sortClause", ()))):
        raise _by_hand(column, "is counted by a number in GROUP BY or ORDER BY")
    tokens = [token for token in scan(places.text).tokens if token.name not in _COMMENTS]
    starts = [entry.get("location", 0) for entry in entries]
    first = next(index for index in range(len(entries)) if index not in found)
    return [_cut(index, starts, entries[index], tokens, first=first) for index in found]


def _cut(index: int, starts: Sequence[int], entry: Node, tokens: Sequence[Token], *, first: int) -> tuple[int, int]:
    """From the entry to the next one; behind the `first` entry that stays, from the comma before it to its end."""
    if index < first:
        return starts[index], starts[index + 1]
    at = next(number for number, token in enumerate(tokens) if token.start == starts[index])
    end = at + 2 * len(entry["val"]["ColumnRef"]["fields"]) - 2
    if "name" in entry:
        end += 2 if tokens[end + 1].name == "AS" else 1
    return tokens[at - 1].start, tokens[end].end


def _is(entry: Node, column: Permission) -> bool:
    """Whether the entry is this column and nothing else."""
    fields = entry.get("val", {}).get("ColumnRef", {}).get("fields", ())
    return bool(fields) and fields[-1].get("String", {}).get("sval") == column.column


def _counts_entries(node: Node) -> bool:
    """`GROUP BY 1`, `ORDER BY 2 DESC`."""
    return "ival" in node.get("SortBy", {}).get("node", node).get("A_Const", {})


def _verify(columns: Sequence[Permission], reading: Reading | None) -> None:
    if reading is None or any(isinstance(item, Refused) for item in reading):
        raise _by_hand(columns[0], "is needed by the rest of the SQL")
    left = {need.permission for item in reading if isinstance(item, StatementReading) for need in item.needs}
    for column in columns:
        if column in left:
            raise _by_hand(column, "would still be needed")


def _by_hand(column: Permission, why: str) -> TuiError:
    return TuiError(
        f"{column.object}.{column.column} {why}", code="not_one_entry", hint="Change the SQL yourself: nothing was done"
    )
