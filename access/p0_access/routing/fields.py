"""Typed access to the nodes of a rules document: a value of the type asked for, or a `RulesError` at its place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NoReturn, Self, TypeVar

from p0_access.errors import RulesError
from p0_access.messages.records import MAX_TTL
from p0_access.nearest import nearest
from p0_access.routing.document import Listing, Mapping, Node, Scalar, refusal
from p0_access.routing.durations import parse_duration, spell_duration
from p0_access.routing.grammar import Table
from p0_access.routing.patterns import PatternError

MAX_TEXT: Final = 500
MAX_DIGITS: Final = 6

T = TypeVar("T")

_WHAT: Final = {"text": "text", "bool": "true or false", "null": "nothing", "number": "a number"}


def did_you_mean(name: str, known: Collection[str], otherwise: str | None = None) -> str:
    """The nearest of `known`, or `otherwise`, or all of them."""
    near = nearest(name, known)
    return f'did you mean "{near[0]}"?' if near else otherwise or f"known are: {', '.join(known)}"


class Fields:
    """One mapping of the document. Keys outside of `known` are refused at once."""

    def __init__(self, node: Node, *, what: str, source: str, known: Collection[str]) -> None:
        self.node = node
        self.what = what
        self.source = source
        if not isinstance(node, Mapping):
            self.fail(node, f"{what} takes keys and values, not {_kind(node)}", f"it has: {', '.join(known)}")
        self.entries = node.entries
        for key, _ in self.entries.values():
            if key.text not in known:
                self.fail(key, f'{what} has no "{key.text}"', did_you_mean(key.text, known))

    @classmethod
    def of(cls, table: Table, node: Node, *, source: str) -> Self:
        return cls(node, what=table.what, source=source, known=tuple(table.keys))

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def fail(self, node: Node, message: str, hint: str | None = None) -> NoReturn:
        raise refusal(self.source, node.line, node.column, message, hint)

    def need(self, key: str, hint: str | None = None) -> Node:
        if key not in self.entries:
            self.fail(self.node, f'{self.what} needs "{key}"', hint)
        return self.entries[key][1]

    def get(self, key: str) -> Node | None:
        found = self.entries.get(key)
        return None if found is None else found[1]

    def text(self, key: str, node: Node | None = None) -> str:
        """Printable text on one line, at most `MAX_TEXT` characters, without white space around it."""
        node = self.need(key) if node is None else node
        if not isinstance(node, Scalar) or node.what != "text":
            quoted = f'to mean the text, quote it: "{node.text}"' if isinstance(node, Scalar) and node.text else None
            self.fail(node, f'"{key}" takes text, not {_kind(node)}', quoted)
        if not node.text or node.text != node.text.strip():
            self.fail(node, f'"{key}" is empty or has white space around it')
        if not node.text.isprintable():
            self.fail(node, f'"{key}" has a line break or a control character in it', "write it on one line")
        if len(node.text) > MAX_TEXT:
            self.fail(node, f'"{key}" is longer than {MAX_TEXT} characters')
        return node.text

    def boolean(self, key: str, *, default: bool = False) -> bool:
        node = self.get(key)
        if node is None:
            return default
        if not isinstance(node, Scalar) or node.what != "bool":
            self.fail(node, f'"{key}" is true or false, not {_kind(node)}')
        return node.text.lower() == "true"

    def count(self, key: str, *, default: int, most: int) -> int:
        node = self.get(key)
        if node is None:
            return default
        if not isinstance(node, Scalar) or node.what != "number":
            self.fail(node, f'"{key}" is a whole number, not {_kind(node)}')
        if not node.text.isdecimal() or len(node.text) > MAX_DIGITS or not 1 <= int(node.text) <= most:
            self.fail(node, f'"{key}" is a whole number between 1 and {most}')
        return int(node.text)

    def duration(self, key: str) -> int | None:
        """Seconds, at most `MAX_TTL`."""
        node = self.get(key)
        if node is None:
            return None
        if isinstance(node, Scalar) and node.what == "number":
            self.fail(
                node, f'"{key}" has no unit', f'did you mean "{node.text}m" (minutes) or "{node.text}s" (seconds)?'
            )
        seconds = self._by(parse_duration, key, node)
        if seconds > MAX_TTL:
            self.fail(node, f'"{key}" is more than {spell_duration(MAX_TTL)}, the longest that any access may last')
        return seconds

    def items(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...] | None:
        """A list of texts, each read by `parse`, whose `ValueError` is put at its place. An empty list is refused."""
        node = self.get(key)
        if node is None:
            return None
        if not isinstance(node, Listing):
            example = f"write {key}: [{node.text}]" if isinstance(node, Scalar) and node.text else None
            self.fail(node, f'"{key}" is a list, not {_kind(node)}', example)
        if not node.items:
            self.fail(node, f'"{key}" is empty, so nothing would match', "fill it, or leave the key out")
        return tuple(self._by(parse, key, item) for item in node.items)

    def words(
        self, key: str, known: Collection[str], noun: str, otherwise: str | None = None
    ) -> tuple[str, ...] | None:
        """A list whose items are all among `known`."""

        def one(text: str) -> str:
            if text not in known:
                raise PatternError(f'"{text}" is not {noun}', did_you_mean(text, known, otherwise))
            return text

        return self.items(key, one)

    def parsed(self, key: str, parse: Callable[[str], T]) -> T:
        """A text read by `parse`, whose `ValueError` is put at its place."""
        return self._by(parse, key, self.need(key))

    def names(self, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Every key, read by `parse`, whose `ValueError` is put at its place."""
        return tuple(self._by(parse, key.text, key) for key, _ in self.entries.values())

    def _by(self, parse: Callable[[str], T], key: str, node: Node) -> T:
        text = self.text(key, node)
        try:
            return parse(text)
        except PatternError as error:
            raise self._refused(node, str(error), error.hint) from error
        except ValueError as error:
            raise self._refused(node, str(error), None) from error

    def _refused(self, node: Node, message: str, hint: str | None) -> RulesError:
        return refusal(self.source, node.line, node.column, message, hint)


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "keys and values"
    return "a list" if isinstance(node, Listing) else _WHAT[node.what]
