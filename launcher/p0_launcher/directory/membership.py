"""Who is in which group, out of what a SCIM service told. Pure.

Only what is certain counts: who is not active, has no name of the kind asked for, or shares it with somebody else is in
no group; nor is who is not said to be active by a service that says it of others. Members of a group within a group are
members of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

import msgspec

from p0_access.errors import DirectoryError
from p0_access.routing.patterns import PatternError
from p0_access.routing.people import parse_approver, parse_group
from p0_launcher.directory.scim import Group, User

PersonBy = Literal["email", "userName", "externalId", "id"]
"""What of a user stands in their tokens: the verified address, or one of these as the subject."""

PERSON_BY: Final[tuple[PersonBy, ...]] = get_args(PersonBy)


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """`groups` have people as a directory file names them, both sorted, none of them empty. `left_out` says, a line
    each, who or what is not in it and why."""

    groups: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]


def membership(
    users: Sequence[User], groups: Sequence[Group], *, issuer: str, by: PersonBy, only: Sequence[str] = ()
) -> Membership:
    """With `only`, patterns, of groups whose names fit one. Raises `DirectoryError` where two of them share a name,
    since either's owner would give what the other's is for."""
    kept, notes = _kept(groups, only)
    tells = any(user.active is not None for user in users)
    untold = {user.id for user in users if tells and user.active is None}
    people = {user.id: _name(user, issuer, by) for user in users if user.active is not False and user.id not in untold}
    shared = {name for name, times in Counter(filter(None, people.values())).items() if times > 1}
    known = {user.id for user in users}
    by_id = {group.id: group for group in groups}
    found: dict[str, tuple[str, ...]] = {}
    nameless: set[str] = set()
    unsaid: set[str] = set()
    for name, group in sorted(kept.items()):
        everybody = set(_users(group, known, by_id))
        unsaid |= everybody & untold
        ids = everybody & people.keys()
        nameless.update(each for each in ids if people[each] is None or people[each] in shared)
        members = sorted(person for each in ids - nameless if (person := people[each]) is not None)
        if members:
            found[name] = tuple(members)
    what = "address of their own" if by == "email" else by
    notes += [f"user {each}: no {what}" for each in sorted(nameless) if people[each] is None]
    notes += [f"user {each}: {people[each]} is somebody else's, too" for each in sorted(nameless) if people[each]]
    notes += [f"user {each}: not said to be active" for each in sorted(unsaid)]
    notes += [f"group {each.id}: a member without an id" for each in kept.values() if _unnamed(each)]
    return Membership(groups=found, left_out=tuple(notes))


def _unnamed(group: Group) -> bool:
    return any(member.value is None for member in group.members or ())


def _kept(groups: Sequence[Group], only: Sequence[str]) -> tuple[dict[str, Group], list[str]]:
    kept: dict[str, Group] = {}
    notes: list[str] = []
    for group in groups:
        name = group.display_name.strip()
        if only and not any(fnmatchcase(name, pattern) for pattern in only):
            continue
        if name in kept:
            raise DirectoryError(
                f'two groups are called "{name}": {kept[name].id} and {group.id}',
                code="directory_invalid",
                hint="Rename one, or leave both out with --group.",
            )
        try:
            kept[parse_group(name)] = group
        except PatternError as error:
            notes.append(f"group {group.id}: {error}")
    kept.pop("", None)
    return kept, notes


def _users(group: Group, users: set[str], groups: Mapping[str, Group]) -> Iterator[str]:
    """The ids of everybody in `group`, and in the groups in it, however deep; one may come twice. A service may number
    users and groups apart: an id of both is nobody's where its type is not told."""
    seen, left = {group.id}, [group]
    while left:
        for member in left.pop().members or ():
            kind = (member.type or "").lower()
            user = kind in ("user", "") and member.value in users
            nested = kind in ("group", "") and member.value in groups
            if member.value is None or user == nested:
                continue
            if user:
                yield member.value
            elif member.value not in seen:
                seen.add(member.value)
                left.append(groups[member.value])


def _name(user: User, issuer: str, by: PersonBy) -> str | None:
    """As a directory file has it: an address, or "iss#sub"."""
    if by == "email":
        named = _address(user)
    else:
        subject = {"userName": user.user_name, "externalId": user.external_id, "id": user.id}[by]
        named = f"{issuer}#{subject}" if subject else None
    try:
        return None if named is None else parse_approver(issuer, named)
    except PatternError:
        return None


def _address(user: User) -> str | None:
    """The primary one, or the only one that there is."""
    emails = [each for each in user.emails or () if each.value]
    own = [each.value for each in emails if each.primary] or [each.value for each in emails]
    return own[0] if len(own) == 1 and own[0] is not None and "@" in own[0] and "#" not in own[0] else None
