"""The keys that lists and streams ask for say the same as the rules' own idea of who may approve."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p0_access.messages.records import Subject
from p0_access.proof.identity import VerifiedIdentity
from p0_access.proof.keys import SigningKey
from p0_access.routing.decision import Approvers, Automatic, Decision, Denied, NeedsApproval, Requestor, Requirement
from p0_access.routing.say import may_review
from p0_server.visibility import reviewer_keys, viewer

ZOE = Requestor(iss="https://a.example", sub="zoe")
ISSUERS = st.sampled_from(["https://a.example", "https://b.example"])
NAMES = st.sampled_from(["ada", "pat", "privacy", "dba", "https://a.example#ada", "ada@a.example"])
SUBJECTS = st.one_of(
    st.builds("{}#{}".format, ISSUERS, st.sampled_from(["ada", "pat"])), st.sampled_from(["ada@a.example"])
)


@st.composite
def people(draw: st.DrawFn) -> Requestor:
    return Requestor(
        iss=draw(ISSUERS),
        sub=draw(st.sampled_from(["ada", "pat"])),
        email=draw(st.sampled_from([None, "ada@a.example", "Ada@A.example"])),
        groups=tuple(draw(st.sets(NAMES, max_size=3))),
    )


@st.composite
def approvers(draw: st.DrawFn) -> Approvers:
    return Approvers(
        groups=tuple(draw(st.sets(NAMES, max_size=2))),
        subjects=tuple(draw(st.sets(SUBJECTS, max_size=2))),
        issuer=draw(st.one_of(st.none(), ISSUERS)),
    )


def identity(person: Requestor) -> VerifiedIdentity:
    return VerifiedIdentity(
        subject=Subject(iss=person.iss, sub=person.sub, email=person.email),
        groups=person.groups,
        key=SigningKey(b"\x01" * 32).public,
        bind="",
        client_id="p0",
        idh="",
        fresh=None,
        signed_in_at=0,
        current_until=0,
        session_until=0,
    )


@given(people(), st.lists(approvers(), max_size=3))
def test_keys_and_rules_agree(person: Requestor, by: list[Approvers]) -> None:
    requirements = tuple(Requirement(rule="r", approvers=each, count=1, permissions=()) for each in by)
    decision: Decision = NeedsApproval(ttl=1, requirements=requirements, trace=())
    seen = not viewer(identity(person)).keys.isdisjoint(reviewer_keys(decision, ZOE.iss))
    assert seen == may_review(decision, person, requestor=ZOE)


def test_what_needs_nobody_is_reviewed_by_nobody() -> None:
    assert reviewer_keys(Automatic(ttl=1, trace=()), ZOE.iss) == frozenset()
    assert reviewer_keys(Denied(reasons=(), trace=()), ZOE.iss) == frozenset()
    assert reviewer_keys(None, ZOE.iss) == frozenset()
