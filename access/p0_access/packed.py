"""Many records of one type, kept as the JSON that they came in and decoded when they are looked at.

A database may have 100,000 tables, of which a person works with ten: as records they take ten times their text, which
in turn shrinks to a tenth. Every record is decoded once as it is packed, so that what is malformed is told then and
never later. Names are there all the time.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import Final, Generic, NamedTuple, Protocol, TypeVar, overload

import msgspec

IN_A_BLOCK: Final = 64
"""Records that are packed together, and decoded together when one of them is looked at."""

_SCHEMA, _NAME, _KIND = attrgetter("schema"), attrgetter("name"), attrgetter("kind")
_READ_LAST: Final = 8
_FASTEST: Final = 1


class Named(Protocol):
    @property
    def schema(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...


T = TypeVar("T", bound=Named)


class Names(Sequence[str]):
    """Strings, joined into one: by themselves they would be most of what a packed catalog takes."""

    __slots__ = ("_starts", "_text")

    def __init__(self, names: Sequence[str]) -> None:
        self._text = "".join(names)
        self._starts = array("I", accumulate(map(len, names), initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...

    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return Names([*self][at])
        at = range(len(self))[at]
        return self._text[self._starts[at] : self._starts[at + 1]]

    def __iter__(self) -> Iterator[str]:
        return (self._text[start:end] for start, end in pairwise(self._starts))


class Listing(NamedTuple):
    """What a sequence has in one schema: the names in order, of which of several alike the earlier first, and each
    one's kind and place in the sequence."""

    names: Sequence[str]
    kinds: Sequence[str]
    places: Sequence[int]

    def find(self, name: str) -> Sequence[int]:
        """The places of what goes by a name."""
        first = bisect_left(self.names, name)
        return self.places[first : bisect_right(self.names, name, first)]

    def only(self, kept: Iterable[int]) -> Listing:
        """Some of it, in the order in which they are named: by where they stand in here."""
        order = tuple(kept)
        names, kinds, places = self
        return Listing(
            Names([names[at] for at in order]), [kinds[at] for at in order], array("I", [places[at] for at in order])
        )


def listed(batches: Iterable[Sequence[Named]]) -> dict[str, Listing]:
    """The names in a sequence, which comes in batches, by schema."""
    found: dict[str, tuple[list[str], list[str], array[int]]] = {}
    place = 0
    for batch in batches:
        for schema, group in groupby(batch, _SCHEMA):
            records = list(group)
            names, kinds, places = found.setdefault(schema, ([], [], array("I")))
            names.extend(map(_NAME, records))
            kinds.extend(map(_KIND, records))
            places.extend(range(place, place := place + len(records)))
    return {schema: _in_order(*listing) for schema, listing in found.items()}


def _in_order(names: list[str], kinds: list[str], places: array[int]) -> Listing:
    if names == sorted(names):
        return Listing(Names(names), kinds, places)
    return Listing(names, kinds, places).only(sorted(range(len(names)), key=names.__getitem__))


class Packed(Sequence[T], Generic[T]):
    """Made of the records' JSON; `listings` has their names, by schema.

    Raises `msgspec.MsgspecError` for what is no such record, and `ValueError` for JSON that is not as `encode` writes
    it: with white space, say, or a key twice.
    """

    def __init__(self, type_: type[T], records: Sequence[msgspec.Raw]) -> None:
        self._length = len(records)
        self._packed = bytearray()  # one for all blocks: many small ones would lie where memory could be given back
        self._starts = array("L", [0])
        self._decode: Callable[[bytes], list[T]] = msgspec.json.Decoder(list[type_]).decode  # type: ignore[valid-type]  # mypy takes no variable for a type
        self._read = lru_cache(_READ_LAST)(self._records)
        self.listings: Mapping[str, Listing] = listed(self._packing(records))

    def _packing(self, raw: Sequence[msgspec.Raw]) -> Iterator[list[T]]:
        encode = msgspec.json.Encoder().encode
        for first in range(0, self._length, IN_A_BLOCK):
            text = b"[%b]" % b",".join(raw[first : first + IN_A_BLOCK])
            records = self._decode(text)
            if encode(records) != text:
                raise ValueError("not as it would be written")
            self._packed += zlib.compress(text, _FASTEST)
            self._starts.append(len(self._packed))
            yield records

    def _records(self, block: int) -> list[T]:
        return self._decode(self._text(block))

    def _text(self, block: int) -> bytes:
        return zlib.decompress(memoryview(self._packed)[self._starts[block] : self._starts[block + 1]])

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...

    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return tuple(self[each] for each in range(*at.indices(self._length)))
        block, within = divmod(range(self._length)[at], IN_A_BLOCK)
        return self._read(block)[within]

    def __iter__(self) -> Iterator[T]:
        """All of them, of which none is kept."""
        for block in range(len(self._starts) - 1):
            yield from self._records(block)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def __repr__(self) -> str:
        return f"<{self._length} records>"

    def json(self) -> msgspec.Raw:
        """The array that they came in."""
        return msgspec.Raw(b"[%b]" % b",".join(self._text(block)[1:-1] for block in range(len(self._starts) - 1)))
