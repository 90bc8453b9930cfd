"""Groups from a directory file, beside those in people's tokens: who is in which, as it was written down or exported.

The server's copy tells people what to expect, the agent's decides; neither believes the other's. A file only adds
groups. It never says that somebody is not in a group that their identity provider vouches for.

    issuer = "https://id.example"          # whose addresses and bare subjects these are
    [groups]
    analysts = ["ada@corp.example", "https://id.example#248289761001"]

or, for exports, CSV with a first line that names `group` and `person`, and perhaps `issuer`.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from p0_access.encoding import sha256_b64u
from p0_access.errors import DirectoryError
from p0_access.followed import Followed
from p0_access.routing.decision import Requestor
from p0_access.routing.patterns import PatternError
from p0_access.routing.people import parse_approver, parse_group, parse_issuer

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_GROUPS_OF_ONE: Final = 500

_CSV_COLUMNS: Final = {"group", "person"}


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """`groups_of` maps "iss#sub", or "iss address", to groups. `groups` are all there are; `sha256` is of the file."""

    sha256: str = ""
    groups: frozenset[str] = frozenset()
    groups_of: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)

    def extended(self, groups: tuple[str, ...], *, iss: str, sub: str, email: str | None) -> tuple[str, ...]:
        """`groups` and those that the directory adds. `email` is one that `iss` has verified."""
        more = self.groups_of.get(f"{iss}#{sub}", frozenset())
        if email is not None:
            more |= self.groups_of.get(f"{iss} {email.lower()}", frozenset())
        return (*groups, *sorted(more.difference(groups)))

    def joined(self, person: Requestor) -> Requestor:
        """`person` with the groups that the directory adds."""
        groups = self.extended(person.groups, iss=person.iss, sub=person.sub, email=person.email)
        return msgspec.structs.replace(person, groups=groups)


class CurrentDirectory(Followed[Directory]):
    """The file in use, on a side that runs for long; without one (`read` is None) there is nothing to follow."""

    def __init__(self, read: Callable[[], bytes] | None, *, source: str) -> None:
        super().__init__(
            (lambda: b"") if read is None else read,
            (lambda _: Directory()) if read is None else (lambda data: load_directory(data, source=source)),
        )


class _Entry(msgspec.Struct, frozen=True):
    """`place` is where it stands, for messages."""

    place: str
    group: str
    person: str
    issuer: str | None


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuer: str | None = None
    groups: dict[str, tuple[str, ...]]


def load_directory(data: bytes, *, source: str) -> Directory:
    """Raises `DirectoryError` with the place of what is wrong. A name that ends in `.csv` is CSV, any other TOML."""
    if len(data) > MAX_BYTES:
        raise DirectoryError(f"{source}: larger than {MAX_BYTES} bytes", code="directory_oversize")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DirectoryError(f"{source}: not UTF-8", code="directory_invalid") from error
    entries = _of_csv(text, source) if source.lower().endswith(".csv") else _of_toml(text, source)
    found: dict[str, set[str]] = {}
    groups: set[str] = set()
    for entry in entries:
        group, key = _checked(entry)
        groups.add(group)
        of_one = found.setdefault(key, set())
        of_one.add(group)
        if len(of_one) > MAX_GROUPS_OF_ONE:
            raise DirectoryError(
                f"{entry.place}: {entry.person} is in more than {MAX_GROUPS_OF_ONE} groups", code="directory_oversize"
            )
    return Directory(
        sha256=sha256_b64u(data),
        groups=frozenset(groups),
        groups_of={key: frozenset(each) for key, each in found.items()},
    )


def _of_toml(text: str, source: str) -> Iterator[_Entry]:
    try:
        document = msgspec.convert(tomllib.loads(text), _Document)
    except tomllib.TOMLDecodeError as error:
        raise DirectoryError(f"{source}: not TOML: {error}", code="directory_invalid") from error
    except msgspec.ValidationError as error:
        raise DirectoryError(
            f"{source}: {error}", code="directory_invalid", hint='[groups], and below: analysts = ["ada@corp.example"]'
        ) from error
    for group, people in document.groups.items():
        for person in people:
            yield _Entry(f"{source}: groups.{group}", group, person, document.issuer)


def _of_csv(text: str, source: str) -> Iterator[_Entry]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
        if not columns.keys() >= _CSV_COLUMNS:
            raise DirectoryError(
                f"{source}:1: the first line names the columns group and person",
                code="directory_invalid",
                hint="group,person,issuer",
            )
        for row in reader:
            place = f"{source}:{reader.line_num}"
            group, person = row[columns["group"]], row[columns["person"]]
            if group is None or person is None or None in row:
                raise DirectoryError(f"{place}: not as many fields as columns", code="directory_invalid")
            issuer = row[columns["issuer"]] if "issuer" in columns else None
            yield _Entry(place, group.strip(), person.strip(), (issuer or "").strip() or None)
    except csv.Error as error:
        raise DirectoryError(f"{source}:{reader.line_num}: not CSV: {error}", code="directory_invalid") from error


def _checked(entry: _Entry) -> tuple[str, str]:
    """The group, and the key of the person."""
    try:
        issuer = None if entry.issuer is None else parse_issuer(entry.issuer)
        if not entry.group or not entry.person:
            raise PatternError("a group and a person must be named")
        person = parse_approver(issuer, entry.person)
        return parse_group(entry.group), person if "#" in person else f"{issuer} {person}"
    except PatternError as error:
        raise DirectoryError(f"{entry.place}: {error}", code="directory_invalid", hint=error.hint) from error
