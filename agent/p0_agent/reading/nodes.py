"""PostgreSQL's node trees as text (outfuncs.c, read as read.c does): what the server logs for `debug_print_rewritten`.

    ({QUERY :commandType 1 :rtable ({RANGETBLENTRY :relid 16390 …}) :limitCount {CONST … :constvalue 4 [ 1 0 0 0 ]} …})

`parse` is pure, linear and never recurses; what it does not understand it refuses. It knows the notation only: which
nodes and fields there are differs from one major version to the next, and is the business of whoever reads the result.

The server breaks the text into lines (format_node_dump): at a space where there is one among 78 bytes, otherwise
anywhere, even after a backslash, so that the character behind it loses its escape. Such a text is refused, since a
chosen name could forge nodes in it. Names are cut at 63 bytes, so only names full of escaped characters are that long.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NoReturn

from p0_agent.errors import AgentError

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_DEPTH: Final = 20_000

# Repeated groups are atomic, `(?>(?:…)*)`, not possessive: before 3.11.5 Python matches those wrongly (gh-106052).
_LINE: Final = 77
"""Bytes without a space that may have made the server break a line where there is none (LINELEN, less one)."""

_PLAIN: Final = r"(?:[^ \n\t(){}\\]|\\.)[^ \n\t(){}\\]*+(?>(?:\\.[^ \n\t(){}\\]*+)*)"
_CONSTANT: Final = r"[0-9]+[ \n]\[[-0-9 \n]*\]"
_FIELD: Final = r":[A-Za-z_][A-Za-z0-9_]*+"
_TOKEN: Final = rf"[()}}]|\{{[A-Z][A-Z0-9_]*|{_FIELD}(?:[ \n](?:{_CONSTANT}|{_PLAIN}))?|{_CONSTANT}|{_PLAIN}|\S"
"""Brackets; `{LABEL`; `:field`, with its value if that is no node and no list; a value; whatever else is refused."""

_LEFT_OUT: Final = rf"[ \n](?:{_PLAIN}|\((?>(?:[ \n]*+{_PLAIN})*)[ \n]*+\))"
"""The value of a field that nobody wants: no node, and no list with one in it."""

_DATUM: Final = re.compile(r"([0-9]{1,10})[ \n]\[((?:[ \n]-?[0-9]{1,3})*)[ \n]\]\Z")
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}\Z")

_SETS: Final = frozenset({"b", "i", "o", "x"})
"""Bitmapsets, and lists of integers, OIDs and transaction ids. (A list of nodes holds only nodes, strings, `<>`.)"""


class TreeError(AgentError):
    """This is no node tree, or one of a kind that is not understood."""


class Node:
    """`{LABEL :field value …}`. Values are nodes, lists, `Numbers`, `Datum`, the token as it stands, or None (`<>`)."""

    __slots__ = ("fields", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.fields: dict[str, Value] = {}

    def number(self, name: str) -> int:
        """A field that is a number; it must be there."""
        value = self.fields.get(name)
        if not isinstance(value, str) or _NUMBER.match(value) is None:
            _refuse(f"{self.label}.{name} is no number")
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.fields.get(name)
        if value not in ("true", "false"):
            _refuse(f"{self.label}.{name} is neither true nor false")
        return value == "true"

    def numbers(self, name: str) -> Numbers:
        """A field that is a bitmapset or a list of numbers; `<>` is none."""
        value = self.fields.get(name, "")
        if value is not None and not isinstance(value, Numbers):
            _refuse(f"{self.label}.{name} is no set of numbers")
        return Numbers() if value is None else value

    def nodes(self, name: str) -> list[Node]:
        """A field that is a list of nodes; `<>` is none."""
        value = self.fields.get(name, "")
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, Node) for each in value):
            _refuse(f"{self.label}.{name} is no list of nodes")
        return [each for each in value if isinstance(each, Node)]


class Numbers(tuple[int, ...]):
    """`(b 8 9)`, `(i 1 2)`, `(o 16390)`."""

    __slots__ = ()


class Datum(bytes):
    """`4 [ 1 0 0 0 0 0 0 0 ]`: a constant's bytes, as long as the server says or, passed by value, a whole word."""

    __slots__ = ()


Value = Node | list["Value"] | Numbers | Datum | str | None


def parse(text: str, wanted: frozenset[str]) -> Value:
    """The tree of a whole text; raises `TreeError`. Of fields that are not `wanted` only nodes, and lists with nodes in
    them, are kept: most of a tree are places and numbers that say nothing about permissions."""
    data = text.encode(errors="surrogatepass")
    if len(data) > MAX_BYTES:
        _refuse(f"it is longer than {MAX_BYTES} bytes")
    if "\ufffd" in text or _broken(data):
        _refuse("a name in it is too long to be told apart from what follows")
    return _built(_tokens(wanted).findall(text))


@cache
def _tokens(wanted: frozenset[str]) -> re.Pattern[str]:
    """Finds each token, past the fields that nobody wants before it."""
    others = rf":(?!(?:{'|'.join(sorted(wanted))})[ \n]){_FIELD[1:]}"
    return re.compile(rf"(?>(?:[ \n]*+{others}{_LEFT_OUT})*)[ \n\t]*+({_TOKEN})", re.DOTALL)


def _broken(data: bytes) -> bool:
    """Whether so many bytes come without a space that a line may have been broken among them."""
    data = data.replace(b"\\\n", b"\\\\").replace(b"\n", b" ")  # a line may end in an escaped space
    at, last = 0, len(data) - _LINE
    while at <= last:
        space = data.rfind(b" ", at, at + _LINE)
        if space < 0:
            return True
        at = space + 1
    return False


def _built(tokens: list[str]) -> Value:
    """One pass with a stack of its own: `items` are those of the list that is open, `node` is the node that is, and
    `field` what awaits its value. Most tokens are fields with a plain value, which is why these come first."""
    stack: list[tuple[list[Value], Node | None, str | None]] = []
    items: list[Value] = []
    node: Node | None = None
    field: str | None = None
    value: Value
    for part in tokens:
        first = part[0]
        if first == ":" and field is None and node is not None:
            end = part.find(" ")
            if "\n" in part and not 0 <= end < part.index("\n"):
                end = part.index("\n")
            if end < 0:
                field = part[1:]
                continue
            field, rest = part[1:end], part[end + 1 :]
            value = rest if rest[-1] not in "]>" else _scalar(rest)
        elif first in "({":
            if part == "{" or len(stack) >= MAX_DEPTH:
                _refuse("a node has no label, or nodes are nested too deeply")
            stack.append((items, node, field))
            items, node, field = [], Node(part[1:]) if first == "{" else None, None
            continue
        elif first in ")}":
            if not stack or (node is not None) != (part == "}") or field is not None:
                _refuse("brackets do not match, or a field has no value")
            value = _numbers(items) if node is None else node
            items, node, field = stack.pop()
        else:
            value = _scalar(part)
        if node is None:
            items.append(value)
        elif field is None or field in node.fields:
            _refuse(f"a field of {node.label} has no name, or stands there twice")
        else:
            node.fields[field] = value
            field = None
    if stack or len(items) != 1:
        _refuse("it is not whole")
    return items[0]


def _scalar(part: str) -> Value:
    if part == "<>":
        return None
    if part[-1] == "]" and part[0] in "0123456789":
        if (datum := _DATUM.match(part)) is None:
            _refuse("a constant is not one")
        return _datum(int(datum.group(1)), datum.group(2).split())
    return part


def _numbers(items: list[Value]) -> Value:
    """What `(b 8 9)` is, or the list itself."""
    if not items or not isinstance(items[0], str) or items[0] not in _SETS:
        return items
    found: list[int] = []
    for each in items[1:]:
        if not isinstance(each, str) or _NUMBER.match(each) is None:
            _refuse("a set of numbers holds something else")
        found.append(int(each))
    return Numbers(found)


def _datum(length: int, numbers: list[str]) -> Datum:
    """Bytes are printed as the platform's `char`: signed ones come as negative numbers."""
    if length > len(numbers):
        _refuse("a constant is shorter than it says")
    values = [int(each) for each in numbers]
    if not all(-128 <= each <= 255 for each in values):
        _refuse("a constant holds something that is no byte")
    return Datum(each & 0xFF for each in values)


def _refuse(what: str) -> NoReturn:
    raise TreeError(
        f"PostgreSQL's reading is not understood: {what}",
        code="tree_not_understood",
        hint="Ask for permissions by name (--grant), or report this as a defect.",
    )
