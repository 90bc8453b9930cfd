"""What running cases and replaying requests has found, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from p0_access.permissions.permission import Permission
from p0_access.routing.decision import Requestor
from p0_access.routing.explain import explain, explain_trace
from p0_access.routing.matching import spell
from p0_launcher.rules.cases import Ran
from p0_launcher.rules.replay import Replay
from p0_launcher.text import shown


def failing(path: Path, ran: Iterable[Ran]) -> Iterator[str]:
    """The cases of a file that do not hold, each with its trace."""
    for each in ran:
        if not each.problems:
            continue
        yield shown(f"{path}:{each.case.line}: {each.case.name}")
        yield shown(f"  asked by {_who(each.case.draft.requestor)}")
        for problem in each.problems:
            yield shown(f"  {problem}")
        if each.decision is not None:
            yield from (shown(f"    {line}") for line in explain_trace(each.decision.trace))


def replayed(found: Replay) -> Iterator[str]:
    """What would be decided otherwise, and what becomes automatic."""
    for change in found.changes:
        yield shown(f"{change.rid} of {change.who} on {change.database}: {change.direction}")
        yield from (shown(f"  was: {line}") for line in explain(change.before))
        yield from (shown(f"  now: {line}") for line in explain(change.after))
    yield from _listed("becomes automatic", found.automatic)
    yield from _listed("is automatic no longer", found.not_automatic)
    yield f"{found.requests} requests replayed, {len(found.changes)} would be decided otherwise"


def _who(person: Requestor) -> str:
    """With the groups, since those of a directory file don't stand in the case."""
    groups = f"in {spell(person.groups, 'and')}" if person.groups else "in no group"
    return f"{person.email or person.sub} of {person.iss}, {groups}"


def _listed(what: str, permissions: dict[Permission, int]) -> Iterator[str]:
    for permission, times in permissions.items():
        yield shown(f"{what}: {permission} ({times} request{'' if times == 1 else 's'})", lines=False)
