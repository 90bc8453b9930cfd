"""What is probably a mistake in rules that load: rules that nothing reaches, groups that nobody knows, tags and caps
without effect, and approvals that nobody could complete.

It only warns, and only where it is certain: what it calls unreachable never decides anything. It may miss some.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

import msgspec

from p0_access.nearest import nearest
from p0_access.routing.asked import named
from p0_access.routing.decision import Alternative, Approvers
from p0_access.routing.directory import Directory
from p0_access.routing.durations import spell_duration
from p0_access.routing.matching import spell
from p0_access.routing.patterns import Part, Pattern
from p0_access.routing.people import qualified_issuer
from p0_access.routing.rule import Access, BreakGlass, Deny, People, Requestors, Resource, Rule
from p0_access.routing.rules import RuleSet

Code = Literal["unreachable", "unknown_group", "too_few", "unused_tag", "idle_max_ttl"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`line` is that of the rule in the document; 1 where it is about the document."""

    code: Code
    line: int
    message: str


class KnownGroups(msgspec.Struct, frozen=True, kw_only=True):
    """All that there are as far as `source` says, which is named to people: a file, an option. `members` are the people
    in each, by a name of theirs that starts with their issuer, where that is known, too."""

    names: frozenset[str]
    source: str
    members: dict[str, frozenset[str]] | None = None

    @classmethod
    def of(cls, directory: Directory, source: str) -> KnownGroups:
        members: dict[str, set[str]] = {}
        for person, groups in directory.groups_of.items():
            for group in groups:
                members.setdefault(group, set()).add(person)
        return cls(
            names=directory.groups,
            source=source,
            members={group: frozenset(people) for group, people in members.items()},
        )


def lint(rules: RuleSet, *, groups: KnownGroups | None = None) -> tuple[Finding, ...]:
    """Findings in order of lines. With `groups`, names outside of them are found, too."""
    found = [*_unreachable(rules), *_unused_tags(rules), *_idle_max_ttl(rules)]
    if groups is not None:
        found += [*_unknown_groups(rules, groups), *_too_few(rules, groups)]
    return tuple(sorted(found, key=lambda each: (each.line, each.message)))


def _unreachable(rules: RuleSet) -> Iterator[Finding]:
    """Each against all before it: quadratic, for an author's terminal and CI. In an emergency denials come first, so
    there only denials take from them."""
    emergencies = any(rule.breaks_glass for rule in rules.rules)

    def before(rule: Rule, position: int) -> list[Rule]:
        denies = emergencies and isinstance(rule.approval, Deny)
        return [each for each in rules.rules[:position] if not denies or isinstance(each.approval, Deny)]

    for position, rule in enumerate(rules.rules):
        cover = next((earlier for earlier in before(rule, position) if covers(earlier, rule)), None)
        if cover is not None:
            message = f'rule "{rule.name}" is never reached: "{cover.name}" on line {cover.line} takes all of it'
            yield Finding(code="unreachable", line=rule.line, message=message)


def _unused_tags(rules: RuleSet) -> Iterator[Finding]:
    used = {tag for rule in rules.rules for tag in rule.resource.tags or ()}
    for tag in rules.tags:
        if tag not in used:
            yield Finding(code="unused_tag", line=1, message=f'no rule is about the tag "{tag}"')


def _idle_max_ttl(rules: RuleSet) -> Iterator[Finding]:
    longest = rules.defaults.max_ttl
    for rule in rules.rules:
        if rule.max_ttl is not None and rule.max_ttl > longest:
            message = f'max_ttl of rule "{rule.name}" changes nothing: the default of {spell_duration(longest)} is less'
            yield Finding(code="idle_max_ttl", line=rule.line, message=message)


def _unknown_groups(rules: RuleSet, known: KnownGroups) -> Iterator[Finding]:
    """Each with what is known instead, and from where: the reader has to find out which of the two is wrong."""
    for place, line, groups in _groups_named(rules):
        for group in sorted(groups - known.names):
            message = (
                f'{place} names the group "{group}", which nobody is in by {known.source} ({_instead(group, known)})'
            )
            yield Finding(code="unknown_group", line=line, message=message)


def _groups_named(rules: RuleSet) -> Iterator[tuple[str, int, set[str]]]:
    """Where, the line, and the groups."""
    if rules.defaults.revoke is not None:
        yield "defaults.revoke", 1, set(rules.defaults.revoke.groups)
    for rule in rules.rules:
        named = set() if rule.requestors is None else set(rule.requestors.groups)
        if isinstance(rule.approval, People):
            named.update(*(approvers.groups for approvers in rule.approval.everybody))
        if isinstance(rule.approval, BreakGlass):
            named.update(rule.approval.notify)
        yield f'rule "{rule.name}"', rule.line, named


def _instead(group: str, known: KnownGroups) -> str:
    if not known.names:
        return "it has nobody in any"
    near = nearest(group, known.names)
    has = f"it has {spell(sorted(known.names), 'and')}"
    return f'{has}; did you mean "{near[0]}"?' if near else has


def _too_few(rules: RuleSet, known: KnownGroups) -> Iterator[Finding]:
    """Approvals that take more people than there are. One may be there under two names, so it is certain."""
    for rule in rules.rules:
        if known.members is None or not isinstance(rule.approval, People):
            continue
        later = None if rule.approval.escalate is None else rule.approval.escalate.to
        for quorum in rule.approval.quorums:
            ways = (Alternative(approvers=quorum.approvers, count=quorum.count), *quorum.instead)
            there = [_people_in((way.approvers, *(() if later is None else (later,))), known.members) for way in ways]
            if all(way.count > len(people) > 0 for way, people in zip(ways, there, strict=True)):
                wanted = ", or else ".join(f"{way.count} of {named(way.approvers)}" for way in ways)
                has = " and ".join(str(len(people)) for people in there)
                message = f'rule "{rule.name}" asks {wanted}, and {known.source} has only {has} of them'
                yield Finding(code="too_few", line=rule.line, message=message)


def _people_in(asked: Iterable[Approvers], members: dict[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    for each in asked:
        people = {person for group in each.groups for person in members.get(group, ())}
        found |= {person for person in people if each.issuer is None or re.split("[# ]", person)[0] == each.issuer}
        found |= {subject if "#" in subject else f"{each.issuer} {subject}" for subject in each.subjects}
    return found


def covers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` matches wherever `narrow` does; False when it is not certain."""
    return (
        _comes_first(wide, narrow)
        and (wide.when is None or wide.when == narrow.when)
        and (wide.follows_reach or not narrow.follows_reach)
        and (
            _people(wide.requestors, narrow.requestors)
            if _alike(wide, narrow)
            else wide.requestors == narrow.requestors
        )
        and _access(wide.access, narrow.access)
        and _resource(wide, narrow)
    )


def _comes_first(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide`, which stands before `narrow`, is also held against every request before it: in an emergency
    break-glass rules come before others, and denials before all; at other times they aren't there."""
    return isinstance(wide.approval, Deny) or wide.breaks_glass == narrow.breaks_glass


def _alike(wide: Rule, narrow: Rule) -> bool:
    """Whether both are for people; a rule for everybody is for workloads, too, only where it denies."""
    pinned = any(rule.requestors is not None and rule.requestors.claims for rule in (wide, narrow))
    return not pinned or (wide.requestors is None and isinstance(wide.approval, Deny))


def _people(wide: Requestors | None, narrow: Requestors | None) -> bool:
    if wide is None:
        return True
    if narrow is None or wide.issuer not in {None, narrow.issuer}:
        return False
    subjects = {each for each in narrow.subjects if wide.issuer is None or qualified_issuer(each) == wide.issuer}
    return narrow.groups <= wide.groups and subjects <= wide.subjects and _patterns(wide.emails, narrow.emails)


def _access(wide: Access, narrow: Access) -> bool:
    return _subset(narrow.privileges, wide.privileges) and _subset(narrow.kinds, wide.kinds)


def _subset(narrow: Collection[object] | None, wide: Collection[object] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _resource(wide_rule: Rule, narrow_rule: Rule) -> bool:
    wide, narrow = wide_rule.resource, narrow_rule.resource
    if not _patterns(wide.databases, narrow.databases) or not _narrowed(wide.schemas, narrow.schemas):
        return False
    everything = not narrow.selects
    roles = isinstance(narrow_rule.approval, Deny) if everything else narrow.roles is not None
    if roles and not _of_roles(wide_rule, narrow.roles):
        return False
    if not _definers(wide_rule, narrow_rule):
        return False
    if not wide.selects:
        return True
    if everything:
        return False
    return (
        (not narrow.selects_relations or _relations(wide, narrow))
        and (narrow.functions is None or _patterns(wide.functions or (), narrow.functions))
        and (narrow.sequences is None or _patterns(wide.sequences or (), narrow.sequences))
        and (narrow.types is None or _patterns(wide.types or (), narrow.types))
        and (narrow.large_objects is None or _patterns(wide.large_objects or (), narrow.large_objects))
    )


def _of_roles(wide: Rule, narrow: tuple[Pattern, ...] | None) -> bool:
    if not wide.resource.selects:
        return isinstance(wide.approval, Deny)
    return narrow is not None and wide.resource.roles is not None and _patterns(wide.resource.roles, narrow)


def _definers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` decides for the functions that run with their owners' rights as far as `narrow` is about them: by
    denying, or by naming what that names."""
    if isinstance(wide.approval, Deny):
        return True
    named = narrow.resource.functions or ()
    if isinstance(narrow.approval, Deny):
        if not narrow.resource.selects:
            return False
    else:
        named = tuple(each for each in named if not each.is_glob)
    return _patterns(tuple(each for each in wide.resource.functions or () if not each.is_glob), named)


def _relations(wide: Resource, narrow: Resource) -> bool:
    return (
        wide.selects_relations
        and (_narrowed(wide.relations, narrow.relations) or _narrowed(wide.relations, narrow.columns))
        and _narrowed(wide.columns, narrow.columns)
        and _subset(narrow.tags, wide.tags)
    )


def _narrowed(wide: tuple[Pattern, ...] | None, narrow: tuple[Pattern, ...] | None) -> bool:
    return wide is None or (narrow is not None and _patterns(wide, narrow))


def _patterns(wide: tuple[Pattern, ...], narrow: tuple[Pattern, ...]) -> bool:
    return all(any(_pattern(one, each) for one in wide) for each in narrow)


def _pattern(wide: Pattern, narrow: Pattern) -> bool:
    """`wide` may have fewer parts: `a.b` takes `a.b.c`."""
    if wide.arguments not in {None, narrow.arguments}:
        return False
    return all(_part(one, each) for one, each in zip(wide.parts, narrow.parts, strict=False))


def _part(wide: Part, narrow: Part) -> bool:
    """A glob without `?` that fits the text of another takes all that the other does: what its stars take in of the
    text, they also take in of whatever stands for that."""
    if wide == narrow or narrow.literal:
        return wide.fits(narrow.text) if narrow.literal else True
    return not wide.literal and "?" not in wide.text and wide.fits(narrow.text)
