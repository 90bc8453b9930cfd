"""Whom a requirement asks, in words for people."""

from __future__ import annotations

from p0_access.routing.decision import Alternative, Approvers, Requirement


def who(requirement: Requirement) -> str:
    """`1 of privacy`; `2 of dba, sre or dana@corp.example`; `1 of dba, or else 2 of sre`. A listed subject is shown
    without its issuer."""
    return ", or else ".join(in_words(way) for way in requirement.ways)


def in_words(way: Alternative) -> str:
    """`1 of privacy`."""
    return f"{way.count} of {named(way.approvers)}"


def named(approvers: Approvers) -> str:
    """`dba, sre or dana@corp.example`."""
    names = [*approvers.groups, *(subject.partition("#")[2] or subject for subject in approvers.subjects)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
