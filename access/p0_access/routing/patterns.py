"""Patterns over names: anchored globs, part by part.

A pattern is one part, or several joined by dots (`enterprise.markets`); each part is held against one name as it is
stored in the catalog, with its case. `*` stands for any characters within its part, `?` for one. Letters, digits, `_`
and `-` stand for themselves; a part with anything else in it is put in double quotes, where nothing is special.
Regular expressions are refused: `.*` or `^prod` would otherwise be globs that quietly match nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final

import msgspec

_PART: Final = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^."]+)')
_PLAIN: Final = re.compile(r"[\w\-*?]+\Z")
_FUNCTION: Final = re.compile(r'(?P<name>(?:"(?:[^"]|"")+"|[^"()])+)(?:\((?P<arguments>.*)\))?\Z')
_EMAIL: Final = re.compile(r"(?P<local>[a-z0-9.!#$%&'+/=_{|}~*?-]+)@(?P<domain>[a-z0-9-]+(\.[a-z0-9-]+)+)\Z")


class PatternError(ValueError):
    """A pattern that cannot be used; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Part(msgspec.Struct, frozen=True):
    """One part: a literal name, or a glob."""

    text: str
    literal: bool

    def fits(self, name: str) -> bool:
        if self.literal:
            return name == self.text
        return self.text == "*" or _compiled(self.text)(name) is not None


class Pattern(msgspec.Struct, frozen=True, dict=True):
    """Parts that must all fit. `text` is the pattern as written; `arguments`, for functions, are held literally."""

    text: str
    parts: tuple[Part, ...]
    arguments: str | None = None

    def fits(self, *names: str) -> bool:
        """Whether the parts fit `names`; of fewer names than parts, whether the leading parts fit."""
        if self._names is not None:
            return names == self._names or names == self._names[: len(names)]
        for part, name in zip(self.parts, names, strict=False):  # noqa: SIM110  a generator costs twice the time here
            if not part.fits(name):
                return False
        return True

    @cached_property
    def _names(self) -> tuple[str, ...] | None:
        """Of a pattern without a glob, the one row of names that it fits."""
        return tuple(part.text for part in self.parts) if all(part.literal for part in self.parts) else None

    @property
    def is_glob(self) -> bool:
        """Whether it may fit more than one name."""
        return self._names is None

    def fits_function(self, schema: str, signature: str) -> bool:
        """`signature` is the name with its identity arguments, as in `rate(integer, date)`."""
        name = signature
        if self.arguments is not None:
            ending = f"({self.arguments})"
            if not signature.endswith(ending):
                return False
            name = signature.removesuffix(ending)
        elif signature.count("(") == 1:
            name = signature.partition("(")[0]
        return self.fits(schema, name)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=8192)
def _compiled(glob: str) -> Callable[[str], re.Match[str] | None]:
    """`fnmatch` writes atomic groups, so a pattern with many stars stays linear."""
    return re.compile(fnmatch.translate(glob)).match


def parse_pattern(text: str, *parts: str) -> Pattern:
    """A pattern with as many parts as `parts` names, for example `parse_pattern("a.*", "schema", "relation")`."""
    found: list[Part] = []
    at = 0
    while at <= len(text):
        match = _PART.match(text, at)
        if match is None or (match.end() < len(text) and text[match.end()] != "."):
            raise PatternError(f'"{text}" is not a pattern', _shape(parts))
        found.append(_part(match))
        at = match.end() + 1
    if len(found) != len(parts):
        missing = len(parts) - len(found)
        hint = f'did you mean "{".".join(["*"] * missing)}.{text}"?' if missing > 0 else _shape(parts)
        raise PatternError(f'"{text}" has {_count(len(found))}, but this takes {".".join(parts)}', hint)
    return Pattern(text, tuple(found))


def parse_function(text: str) -> Pattern:
    """`schema.name` for every overload, or `schema.name(integer, date)` for one."""
    match = _FUNCTION.match(text)
    if match is None:
        raise PatternError(f'"{text}" is not a function', "write schema.name or schema.name(integer, date)")
    named = parse_pattern(match["name"], "schema", "function")
    return Pattern(text, named.parts, match["arguments"])


def parse_email(text: str) -> Pattern:
    """An address, or a glob over its local part: `*@corp.example`. Case does not matter; the domain is always named."""
    match = _EMAIL.match(text.lower())
    if match is None:
        raise PatternError(
            f'"{text}" is not an e-mail address', "name the whole domain: dana@corp.example or *@corp.example"
        )
    local = match["local"]
    return Pattern(text, (Part(local, literal=not _is_glob(local)), Part(match["domain"], literal=True)))


def fits_email(pattern: Pattern, email: str) -> bool:
    local, at, domain = email.lower().rpartition("@")
    return bool(at) and pattern.fits(local, domain)


def _part(match: re.Match[str]) -> Part:
    if match["quoted"] is not None:
        return Part(match["quoted"].replace('""', '"'), literal=True)
    plain = match["plain"]
    if not _PLAIN.match(plain):
        raise PatternError(
            f'"{plain}" is not a pattern',
            "patterns are globs with * and ?, not regular expressions; a name with other characters is put in "
            "double quotes",
        )
    return Part(re.sub(r"\*+", "*", plain), literal=not _is_glob(plain))


def _is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def _count(parts: int) -> str:
    return "one part" if parts == 1 else f"{parts} parts"


def _shape(parts: tuple[str, ...]) -> str:
    return f"write {'.'.join(parts)}, where * stands for any characters; a dot in a name needs double quotes around it"
