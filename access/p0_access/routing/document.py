"""YAML bytes to plain nodes that know their place. It knows YAML and nothing about rules.

It reads the parser's events itself, since a rules file is read by two sides that must see the same thing, and YAML has
features that hide one: anchors and aliases (also a way to blow a small file up), tags, merge keys, duplicate keys,
several documents in one file. All are refused, with their place. Scalars are text unless they stand unquoted and read
`true`, `false`, `null` or as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from p0_access.errors import RulesError

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 12
"""Levels of lists and mappings; the deepest place in a rules document is at nine."""

What = Literal["text", "bool", "null", "number"]

_TYPED: Final[tuple[tuple[What, re.Pattern[str]], ...]] = (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z")),
    ("number", re.compile(r"[-+]?(?:0[xo][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\Z", re.ASCII)),
)


class Scalar(msgspec.Struct, frozen=True):
    """`what` is how YAML reads it; `text` is what stands there."""

    line: int
    column: int
    text: str
    what: What


class Listing(msgspec.Struct, frozen=True):
    line: int
    column: int
    items: tuple[Node, ...]


class Mapping(msgspec.Struct, frozen=True):
    """`entries` by key, in the order of the document."""

    line: int
    column: int
    entries: dict[str, tuple[Scalar, Node]]


Node = Scalar | Listing | Mapping


def parse_document(data: bytes, *, source: str) -> Node:
    """The one document in `data`; `RulesError` with the place of what is wrong. `source` names the file in messages."""
    if len(data) > MAX_BYTES:
        raise RulesError(f"{source}: larger than {MAX_BYTES} bytes", code="rules_oversize")
    text = _decode(data, source)
    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text), source).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        raise refusal(source, line, column, f"not YAML: {error.problem or error.context}") from error
    except ReaderError as error:
        line, column = _place(text, error.position)
        raise refusal(source, line, column, f"a character that YAML does not allow: U+{error.character:04X}") from error
    except YAMLError as error:
        raise refusal(source, 1, 1, "not YAML") from error


def refusal(
    source: str, line: int, column: int, message: str, hint: str | None = None, *, code: str = "rules_invalid"
) -> RulesError:
    """A `RulesError` whose message starts with `source:line:column`."""
    return RulesError(f"{source}:{line}:{column}: {message}", code=code, hint=hint, line=line, column=column)


class _Builder:
    """Turns events into nodes."""

    def __init__(self, events: Iterator[Event], source: str) -> None:
        self._events = events
        self._source = source

    def document(self) -> Node:
        found: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent) and found is not None:
                raise self._refused(event, "a second document; rules are one document")
            if isinstance(event, DocumentStartEvent):
                found = self._node(next(self._events), depth=1)
            elif isinstance(event, StreamEndEvent):
                break
        if found is None:
            raise refusal(self._source, 1, 1, "the file is empty", 'start with "version: 1"')
        return found

    def _node(self, event: Event, *, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            raise self._refused(event, f"*{event.anchor} is an alias", "aliases are not supported: repeat the value")
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent), event
        if event.anchor is not None:
            raise self._refused(event, f"&{event.anchor} is an anchor", "anchors are not supported: remove it")
        if event.tag is not None:
            raise self._refused(event, f"{event.tag} is a YAML tag", "tags of YAML are not supported: remove it")
        if depth > MAX_DEPTH:
            raise self._refused(event, f"nested deeper than {MAX_DEPTH} levels")
        line, column = _of(event)
        if isinstance(event, ScalarEvent):
            return Scalar(line, column, event.value, _what(event))
        if isinstance(event, SequenceStartEvent):
            return Listing(line, column, tuple(self._items(depth)))
        return Mapping(line, column, self._entries(depth))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._node(event, depth=depth + 1)

    def _entries(self, depth: int) -> dict[str, tuple[Scalar, Node]]:
        found: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth=depth + 1)
            if not isinstance(key, Scalar):
                raise self._refused(event, "a key that is not a word")
            if key.text in found:
                first = found[key.text][0]
                raise self._refused(event, f'"{key.text}" stands here twice; the first is on line {first.line}')
            found[key.text] = (key, self._node(next(self._events), depth=depth + 1))
        return found

    def _refused(self, event: Event, message: str, hint: str | None = None) -> RulesError:
        return refusal(self._source, *_of(event), message, hint)


def _what(event: ScalarEvent) -> What:
    if event.style is None:
        for what, form in _TYPED:
            if form.match(event.value):
                return what
    return "text"


def _of(event: Any) -> tuple[int, int]:
    mark: StringMark = event.start_mark
    return mark.line + 1, mark.column + 1


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start].decode("utf-8-sig"), error.start)
        raise refusal(source, line, column, "not UTF-8", "save the file as UTF-8") from error


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
