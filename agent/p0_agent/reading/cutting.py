"""What of each statement PostgreSQL can be asked to analyse, and what it must be asked about in other ways.

Queries it analyses as they stand. Of EXPLAIN, DECLARE, COPY (…) and CREATE TABLE AS it analyses the query in them, by
itself, as cut out of the text: a cut counts only if the parser finds the very same query in it. EXECUTE stands for what
was prepared. Other statements name relations or routines, or nothing at all.

Uses the parser, and so runs in the child. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from p0_access.errors import ReadingError
from p0_access.permissions.guard import guard
from p0_access.permissions.infer.making import into_clause, without_into
from p0_access.permissions.infer.tree import strings
from p0_access.permissions.lexer import PUNCTUATION, WORD, Token, tokens
from p0_access.permissions.parse import Node, Statement, parse
from p0_access.permissions.places import Places
from p0_agent.reading.piece import Made, MadeColumn, Name, Piece

MAX_CUTS: Final = 32
"""Places at which the inner query may begin that are tried."""


def pieces(text: str) -> tuple[Piece, ...]:
    """One piece for each statement of a text, in order; none for a text that the guard or the parser refuses, or whose
    tree has a shape that nobody thought of."""
    return Cutter().pieces(text)


class Cutter:
    """Cuts text after text of one session: what one prepares, the next may execute."""

    def __init__(self) -> None:
        self._prepared: dict[str, Piece] = {}

    def pieces(self, text: str) -> tuple[Piece, ...]:
        """As the function of that name."""
        try:
            sql = guard(text)
            return tuple(
                _piece(sql[each.start : each.end].strip(), each.kind, each.node, self._prepared)
                for each in parse(sql, Places(sql))
            )
        except (ReadingError, LookupError, RecursionError, ValueError):
            return ()

    def piece(self, statement: str) -> Piece | None:
        """The piece of one statement; None if that cannot be told."""
        found = self.pieces(statement)
        return found[0] if len(found) == 1 else None


def _piece(text: str, kind: str, node: Node, prepared: dict[str, Piece]) -> Piece:
    if kind in _COMMANDS:
        into = into_clause(node)
        return Piece(analysed=text, command=_COMMANDS[kind]) if into is None else _selected(text, node, into)
    if kind == "PrepareStmt":
        prepared[node["name"]] = _prepared(text, node, prepared)
        return Piece()
    if kind == "ExecuteStmt":
        found = prepared.get(node["name"], Piece(opaque=True))
        return msgspec.structs.replace(found, beside=text)
    if kind in _HOLDERS and "query" in node:
        found = _inner(text, node["query"], prepared)
        explains = kind == "ExplainStmt" and not _analyzes(node)
        if kind == "CreateTableAsStmt" and not found.opaque:
            plans = not node["into"].get("skipData")
            found = msgspec.structs.replace(found, makes=_made(node["into"]["rel"]), plans=plans)
        return msgspec.structs.replace(found, runs=False, plans=True, makes=None) if explains else found
    if kind == "CreateStmt":
        return Piece(makes=_declared_table(node))
    if kind == "DropStmt":
        named = [strings(each["List"]["items"]) for each in node["objects"] if "List" in each]
        return Piece(drops=tuple(each[-1] for each in named))
    if kind == "ViewStmt":
        return Piece(opaque=True)
    if kind in ("IndexStmt", "AlterTableStmt"):
        return Piece()
    if kind == "CallStmt":
        *schema, name = [each["String"]["sval"] for each in node["funccall"]["funcname"]]
        return Piece(beside=text, routines=((schema[-1] if schema else None, name),))
    relations = [*node.get("relations", ()), *([node["relation"]] if kind == "CopyStmt" else [])]
    return Piece(relations=tuple(_name(each.get("RangeVar", each)) for each in relations))


def _selected(text: str, node: Node, into: Node) -> Piece:
    """SELECT INTO as the query without INTO, cut out of the text."""
    wanted = _meaning({"SelectStmt": without_into(node)})
    found = list(tokens(text))
    words = [text[start:end].lower() for _, start, end in found]
    for place, word in enumerate(words):
        if word != "into":
            continue
        last = place + 1
        while last < len(words) and words[last] in _INTO_WORDS:
            last += 1
        while last + 1 < len(words) and words[last + 1] == ".":
            last += 2
        cut = text[: found[place][1]] + " " + text[found[last][2] :] if last < len(found) else ""
        only = _only(cut)
        if only is not None and _meaning({only.kind: only.node}) == wanted:
            return Piece(analysed=cut, command="SELECT", makes=_made(into["rel"]))
    return Piece(opaque=True)


def _made(relation: Node) -> Made | None:
    return Made(name=relation["relname"]) if relation.get("relpersistence") == "t" else None


def _declared_table(node: Node) -> Made | None:
    """The table of CREATE TEMPORARY TABLE, if all that it holds are columns."""
    columns: list[MadeColumn] = []
    for ((kind, element),) in map(dict.items, node.get("tableElts", ())):
        if kind == "ColumnDef" and "names" in element.get("typeName", {}):
            written = element["typeName"]
            type_ = tuple(_SERIALS.get(each, each) for each in strings(written["names"]))
            columns.append(MadeColumn(name=element["colname"], type=type_, array="arrayBounds" in written))
        elif kind != "Constraint":
            return None
    made = _made(node["relation"])
    return None if made is None else msgspec.structs.replace(made, columns=tuple(columns))


def _name(relation: Node) -> Name:
    return relation.get("schemaname"), relation["relname"]


def _analyzes(node: Node) -> bool:
    """Whether EXPLAIN runs its query; if in doubt, it does."""
    values = [each["DefElem"].get("arg") for each in node.get("options", ()) if _is_analyze(each)]
    return bool(values) and not (values[-1] is not None and _is_false(values[-1]))


def _is_analyze(option: Node) -> bool:
    return bool(option["DefElem"]["defname"].lower() == "analyze")


def _is_false(argument: Node) -> bool:
    ((_, members),) = argument.items()
    return str(members.get("sval", members.get("ival", members.get("boolval", 0)))).lower() in ("off", "false", "0")


def _prepared(text: str, node: Node, prepared: dict[str, Piece]) -> Piece:
    found = _inner(text, node["query"], prepared)
    types = _declared(text) if "argtypes" in node else ()
    if len(types) != len(node.get("argtypes", ())):
        return Piece(opaque=True)
    return msgspec.structs.replace(found, types=types)


def _declared(text: str) -> tuple[str, ...]:
    """The types in `PREPARE name (type, …) AS`, as they are written."""
    found: list[str] = []
    depth = begin = 0
    for kind, start, end in tokens(text):
        mark = text[start] if kind == PUNCTUATION else ""
        if mark in ("(", "["):
            depth += 1
            begin = end if depth == 1 else begin
        elif depth == 1 and mark in (",", ")"):
            found.append(text[begin:start].strip())
            begin = end
        if mark in (")", "]"):
            depth -= 1
            if depth == 0:
                break
    return tuple(found)


def _inner(text: str, query: Node, prepared: dict[str, Piece]) -> Piece:
    """The piece of the statement that `text` holds."""
    ((kind, node),) = query.items()
    if kind == "ExecuteStmt":
        return _piece(text, kind, node, prepared)
    wanted = _meaning(query)
    for cut in _cuts(text):
        found = _only(cut)
        if found is not None and found.kind == kind and _meaning({kind: found.node}) == wanted:
            return _piece(cut, kind, node, prepared)
    return Piece(opaque=True)


def _cuts(text: str) -> Iterator[str]:
    """Parts of a text that may be a statement: from a word or bracket that can begin one, to the end, to the bracket's
    end, or to WITH [NO] DATA."""
    found = list(tokens(text))
    ends = [len(text), *_data_clause(text, found)]
    begins = [
        (place, start)
        for place, (kind, start, end) in enumerate(found)
        if (kind == WORD and text[start:end].lower() in _BEGINNINGS) or text[start:end] == "("
    ]
    for place, start in begins[:MAX_CUTS]:
        if place == 0:
            continue
        for end in ends:
            yield text[start:end]
        if text[start] == "(":
            yield text[start + 1 : _closing(text, found, place)]


def _data_clause(text: str, found: list[Token]) -> Iterator[int]:
    for place in (-2, -3):
        if len(found) >= -place and text[found[place][1] : found[place][2]].lower() == "with":
            yield found[place][1]


def _closing(text: str, found: list[Token], place: int) -> int:
    depth = 0
    for kind, start, _ in found[place:]:
        if kind == PUNCTUATION and text[start] in "()":
            depth += 1 if text[start] == "(" else -1
            if depth == 0:
                return start
    return len(text)


def _only(text: str) -> Statement | None:
    try:
        found = parse(guard(text), Places(text))
    except ReadingError:
        return None
    return found[0] if len(found) == 1 else None


def _meaning(node: Any) -> Any:
    """A tree without the places of its nodes."""
    if isinstance(node, list):
        return [_meaning(each) for each in node]
    if isinstance(node, dict):
        return {key: _meaning(value) for key, value in node.items() if key not in _PLACES}
    return node


_INTO_WORDS: Final = frozenset({"temp", "temporary", "local", "global", "unlogged", "table"})
_SERIALS: Final = {
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
    "smallserial": "int2",
    "serial2": "int2",
}
_COMMANDS: Final = {
    "SelectStmt": "SELECT",
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
}
_HOLDERS: Final = frozenset({"ExplainStmt", "DeclareCursorStmt", "CreateTableAsStmt", "CopyStmt"})
_BEGINNINGS: Final = frozenset(
    {"select", "with", "values", "table", "insert", "update", "delete", "merge", "create", "declare"}
)
_PLACES: Final = frozenset(
    {"location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"}
    | {"name_location"}
)
