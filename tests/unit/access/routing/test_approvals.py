"""Counting approvals: who counts, once, never for themselves; what is left, for how long."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p0_access.permissions.permission import Kind, Permission, column, connect, usage
from p0_access.routing.approvals import Tally, tally
from p0_access.routing.asked import who
from p0_access.routing.decision import (
    Alternative,
    Approvers,
    Automatic,
    Denied,
    NeedsApproval,
    Requestor,
    Requirement,
    StepUp,
)
from p0_access.routing.say import VerifiedApproval, demands, may_review

CORP, OTHER = "https://id.corp.example", "https://other.example"
EMAIL = column("enterprise", "customers", "email", "SELECT")
PHONE = column("enterprise", "customers", "phone", "SELECT")
ENTRY = column("ledger", "entries", "id", "SELECT")
CONNECT, ENTERPRISE, LEDGER = connect("sales"), usage("enterprise"), usage("ledger")
GRANTED = (CONNECT, ENTERPRISE, LEDGER, EMAIL, PHONE, ENTRY)


def person(sub: str, *groups: str, email: str | None = None, iss: str = CORP) -> Requestor:
    return Requestor(iss=iss, sub=sub, email=email, groups=groups)


DANA = person("dana", "analysts", "privacy", email="dana@corp.example")
PIA, PAT = person("pia", "privacy", email="pia@corp.example"), person("pat", "privacy", "managers")
MAX, EVE = person("max", "managers"), person("eve", "analysts")


def needs(*asked: tuple[Approvers, int], ttl: int = 3600) -> NeedsApproval:
    requirements = tuple(
        Requirement(rule=f"r{number}", approvers=approvers, count=count, permissions=(EMAIL, PHONE, ENTRY))
        for number, (approvers, count) in enumerate(asked, 1)
    )
    return NeedsApproval(ttl=ttl, requirements=requirements, trace=())


def by(
    who: Requestor,
    decision: Literal["approve", "deny"] = "approve",
    permissions: tuple[Permission, ...] = GRANTED,
    ttl: int = 3600,
) -> VerifiedApproval:
    return VerifiedApproval(by=who, decision=decision, permissions=permissions, ttl=ttl)


def count(decision: NeedsApproval, *approvals: VerifiedApproval, requestor: Requestor = DANA) -> Tally:
    return tally(decision, requestor=requestor, granted=GRANTED, approvals=approvals)


PRIVACY = Approvers(groups=("privacy",))
ONE, TWO = needs((PRIVACY, 1)), needs((PRIVACY, 2))
BOTH = needs((PRIVACY, 1), (Approvers(groups=("managers",)), 1))


MANAGERS = Approvers(groups=("managers",))
EITHER = msgspec.structs.replace(
    ONE,
    requirements=(
        msgspec.structs.replace(ONE.requirements[0], count=2, instead=(Alternative(approvers=MANAGERS, count=1),)),
    ),
)
"""Two of privacy, or else one of managers."""


def test_one_of_the_alternatives_is_enough() -> None:
    assert who(EITHER.requirements[0]) == "2 of privacy, or else 1 of managers"
    assert count(EITHER, by(MAX)).complete
    assert count(EITHER, by(PIA), by(person("pim", "privacy"))).complete
    assert all(may_review(EITHER, each, requestor=DANA) for each in (MAX, PIA))
    assert not may_review(EITHER, EVE, requestor=DANA)


def test_alternatives_are_not_added_up_and_the_nearest_is_told() -> None:
    two = msgspec.structs.replace(
        EITHER.requirements[0], instead=(Alternative(approvers=Approvers(groups=("managers", "sre")), count=2),)
    )
    asked = msgspec.structs.replace(EITHER, requirements=(two,))
    mixed = count(asked, by(PIA), by(MAX))
    assert not mixed.complete
    assert (mixed.counted[0].way.count, mixed.counted[0].left, mixed.counted[0].by) == (2, 1, (PIA,))
    nearer = count(asked, by(MAX), by(person("sam", "sre")), by(PIA))
    assert (nearer.complete, nearer.counted[0].by) == (True, (MAX, person("sam", "sre")))


def test_a_denial_by_an_alternative_is_a_denial() -> None:
    assert count(EITHER, by(PIA), by(MAX, "deny"), by(person("pim", "privacy"))).denied_by == MAX


def test_nobody_is_their_own_alternative() -> None:
    boss = person("dana", "analysts", "managers", email="dana@corp.example")
    assert not count(EITHER, by(boss), requestor=boss).complete
    assert not may_review(EITHER, boss, requestor=boss)


def test_nothing_is_granted_before_everything_is_met() -> None:
    start = count(TWO)
    assert (start.complete, start.permissions, start.struck, start.ttl) == (False, (), (), 3600)
    half = count(TWO, by(PIA))
    assert (half.complete, half.permissions, half.counted[0].by, half.counted[0].met) == (False, (), (PIA,), False)
    done = count(TWO, by(PIA), by(PAT))
    assert (done.complete, set(done.permissions), done.struck) == (True, set(GRANTED), ())
    assert done.counted[0].by == (PIA, PAT)


def test_every_requirement_must_be_met_and_one_person_may_meet_two() -> None:
    assert not count(BOTH, by(PIA)).complete
    assert count(BOTH, by(PIA), by(MAX)).complete
    assert count(BOTH, by(PAT)).complete


def test_who_is_no_approver_has_no_say() -> None:
    for word in ("approve", "deny"):
        heard = count(ONE, by(EVE, word, (), 1))
        assert heard == count(ONE)


APPROVERS = [
    (Approvers(groups=("privacy",)), PIA, True),
    (Approvers(groups=("privacy",), issuer=OTHER), PIA, False),
    (Approvers(subjects=(f"{CORP}#pia",)), PIA, True),
    (Approvers(subjects=(f"{OTHER}#pia",)), PIA, False),
    (Approvers(subjects=("pia@corp.example",), issuer=CORP), PIA, True),
    (Approvers(subjects=("pia@corp.example",)), PIA, False),
    (Approvers(subjects=("pia@corp.example",), issuer=CORP), person("x", email="pia@corp.example", iss=OTHER), False),
    (Approvers(subjects=("pia@corp.example",), issuer=CORP), person("pia@corp.example"), False),
    (Approvers(subjects=("pia@corp.example",), issuer=CORP), person("y", email="Pia@Corp.Example"), True),
]


@pytest.mark.parametrize(("approvers", "someone", "counts"), APPROVERS)
def test_who_is_an_approver(approvers: Approvers, someone: Requestor, *, counts: bool) -> None:
    decision = needs((approvers, 1))
    assert count(decision, by(someone)).complete is counts
    assert may_review(decision, someone, requestor=DANA) is counts


SELVES = [
    DANA,
    person("dana", "privacy"),
    person("dana-admin", "privacy", email="dana@corp.example"),
    person("d", "privacy", email="DANA@corp.example", iss=OTHER),
]


@pytest.mark.parametrize("self", SELVES)
def test_nobody_approves_their_own(self: Requestor) -> None:
    assert count(ONE, by(self)) == count(ONE)
    assert count(ONE, by(self, "deny")) == count(ONE)
    assert not may_review(ONE, self, requestor=DANA)


def test_nobody_approves_their_own_through_a_third_name() -> None:
    alias = person("alias", "privacy", email="dana@corp.example")
    bare = person("alias", "privacy")
    assert not count(ONE, by(alias), by(bare)).complete
    assert not count(ONE, by(bare), by(alias)).complete


@pytest.mark.parametrize("order", permutations([
    person("pia", "privacy", email="pia@corp.example"),
    person("pia", "privacy", email="p@corp.example"),
    person("admin", "privacy", email="p@corp.example"),
]))  # fmt: skip
def test_one_human_counts_once_under_whatever_names(order: tuple[Requestor, ...]) -> None:
    heard = count(TWO, *map(by, order))
    assert heard.counted[0].by == order[:1]
    assert not heard.complete


def test_people_of_two_issuers_do_not_add_up() -> None:
    elsewhere = person("p", "privacy", iss=OTHER)
    assert not count(TWO, by(PIA), by(elsewhere)).complete
    assert count(TWO, by(elsewhere), by(PIA), by(PAT)).counted[0].by == (PIA, PAT)


@pytest.mark.parametrize(
    ("approvers", "counts"),
    [
        (PRIVACY, False),
        (Approvers(groups=("privacy",), issuer=OTHER), True),
        (Approvers(groups=("dba",), subjects=(f"{OTHER}#p",)), True),
    ],
)
def test_who_may_be_the_requestor_under_another_issuer_is_an_approver_only_by_name(
    approvers: Approvers, *, counts: bool
) -> None:
    elsewhere, decision = person("p", "privacy", iss=OTHER), needs((approvers, 1))
    assert count(decision, by(elsewhere)).complete is counts
    assert (count(decision, by(elsewhere, "deny")).denied_by is not None) is counts
    assert may_review(decision, elsewhere, requestor=DANA) is counts


def test_a_denial_is_final() -> None:
    for approvals in ([by(PIA), by(PAT, "deny")], [by(PAT, "deny"), by(PIA)], [by(PIA), by(PIA, "deny"), by(PIA)]):
        heard = count(ONE, *approvals)
        assert heard.denied_by is not None
        assert (heard.complete, heard.permissions) == (False, ())


def test_the_least_of_everything_is_granted() -> None:
    heard = count(TWO, by(PIA, ttl=900), by(PAT, permissions=(CONNECT, ENTERPRISE, EMAIL)))
    assert set(heard.permissions) == {CONNECT, ENTERPRISE, EMAIL}
    assert set(heard.struck) == {LEDGER, PHONE, ENTRY}
    assert heard.ttl == 900
    assert count(ONE, by(PIA, ttl=99_999)).ttl == 3600


def test_what_is_struck_is_known_before_it_is_complete() -> None:
    assert set(count(TWO, by(PIA, permissions=(EMAIL, PHONE))).struck) == {LEDGER, ENTRY}


def test_nothing_is_added_to_what_was_admitted() -> None:
    foreign = column("enterprise", "customers", "password", "SELECT")
    assert foreign not in count(ONE, by(PIA, permissions=(*GRANTED, foreign))).permissions


def test_implied_permissions_follow_what_they_carry() -> None:
    assert set(count(ONE, by(PIA, permissions=(EMAIL,))).permissions) == {CONNECT, ENTERPRISE, EMAIL}
    assert count(ONE, by(PIA, permissions=(CONNECT, ENTERPRISE))).permissions == ()
    extra = usage("types")
    heard = tally(ONE, requestor=DANA, granted=(*GRANTED, extra), approvals=[by(PIA, permissions=(ENTRY,))])
    assert set(heard.permissions) == {CONNECT, LEDGER, ENTRY, extra}


def test_a_request_of_implied_permissions_alone_can_be_struck() -> None:
    for kept in ((CONNECT,), ()):
        heard = tally(ONE, requestor=DANA, granted=(CONNECT,), approvals=[by(PIA, permissions=kept)])
        assert heard.permissions == kept


def test_only_people_may_review_what_waits_for_people() -> None:
    assert not may_review(Automatic(ttl=1, trace=()), PIA, requestor=DANA)
    assert not may_review(Denied(reasons=("no",), trace=()), PIA, requestor=DANA)
    assert not may_review(None, PIA, requestor=DANA)


def test_who_in_words() -> None:
    approvers = Approvers(groups=("privacy", "dba"), subjects=(f"{CORP}#u-7", "dana@corp.example"), issuer=CORP)
    assert [who(each) for each in needs((PRIVACY, 1), (approvers, 2)).requirements] == [
        "1 of privacy",
        "2 of privacy, dba, u-7 or dana@corp.example",
    ]


# Properties. Each human here has names of their own, which may be several.

UNHURRIED = settings(deadline=None)
NAMES = {
    0: [DANA, person("dana-2", "privacy", "managers", email="dana@corp.example")],
    1: [PIA, person("pia-2", "privacy", email="pia@corp.example")],
    2: [PAT],
    3: [MAX],
    4: [EVE],
    5: [person("ora", "privacy", iss=OTHER)],
}
APPROVALS = st.lists(
    st.builds(
        VerifiedApproval,
        by=st.sampled_from([name for names in NAMES.values() for name in names]),
        decision=st.sampled_from(["approve", "approve", "approve", "deny"]),
        permissions=st.lists(st.sampled_from(GRANTED), unique=True).map(tuple) | st.just(GRANTED),
        ttl=st.integers(1, 7200),
    ),
    max_size=6,
)
DECISIONS = st.sampled_from([ONE, TWO, BOTH])


@UNHURRIED
@given(DECISIONS, APPROVALS)
def test_the_requestors_own_word_never_counts(decision: NeedsApproval, approvals: list[VerifiedApproval]) -> None:
    others = [item for item in approvals if item.by not in NAMES[0]]
    assert count(decision, *approvals) == count(decision, *others)


@UNHURRIED
@given(DECISIONS, APPROVALS, APPROVALS)
def test_more_approvals_never_undo_or_widen(
    decision: NeedsApproval, first: list[VerifiedApproval], more: list[VerifiedApproval]
) -> None:
    before, after = count(decision, *first), count(decision, *first, *more)
    assert after.ttl <= before.ttl
    assert set(before.struck) <= set(after.struck)
    for earlier, later in zip(before.counted, after.counted, strict=True):
        assert len(earlier.by) <= len(later.by)
    if before.denied_by is not None:
        assert after.denied_by == before.denied_by
    if before.complete and after.denied_by is None:
        assert after.complete
        assert set(after.permissions) <= set(before.permissions)


@UNHURRIED
@given(DECISIONS, APPROVALS)
def test_what_is_granted_was_asked_for_and_allowed_by_enough_people(
    decision: NeedsApproval, approvals: list[VerifiedApproval]
) -> None:
    heard = count(decision, *approvals)
    assert set(heard.permissions) <= set(GRANTED)
    if not heard.complete:
        assert heard.permissions == ()
        return
    for requirement in decision.requirements:
        humans = {
            number
            for number, names in NAMES.items()
            for item in approvals
            if number not in {0, 5} and item.by in names and set(item.by.groups) & set(requirement.approvers.groups)
        }
        assert len(humans) >= requirement.count
    for item in approvals:
        if item.by in (*NAMES[1], *NAMES[2]):
            assert {each for each in heard.permissions if each.kind is Kind.COLUMN} <= set(item.permissions)


@UNHURRIED
@given(DECISIONS, APPROVALS)
def test_the_order_does_not_matter_for_what_is_granted(
    decision: NeedsApproval, approvals: list[VerifiedApproval]
) -> None:
    forth, back = count(decision, *approvals), count(decision, *reversed(approvals))
    same = ("complete", "permissions", "struck", "ttl")
    assert [getattr(forth, field) for field in same] == [getattr(back, field) for field in same]
    assert msgspec.structs.asdict(forth).keys() >= set(same)


# Sign-ins for one act, and one human at several issuers


KEYED = StepUp(amr=("hwk",))


def keyed(who: Requestor, step_up: StepUp | None) -> VerifiedApproval:
    return msgspec.structs.replace(by(who), step_up=step_up)


def demanding(*demands: StepUp | None) -> NeedsApproval:
    asked = needs((PRIVACY, 1), (MANAGERS, 1))
    requirements = [
        msgspec.structs.replace(each, step_up=demand) for each, demand in zip(asked.requirements, demands, strict=True)
    ]
    return msgspec.structs.replace(asked, requirements=tuple(requirements))


def test_an_approval_without_the_sign_in_that_is_demanded_is_none() -> None:
    decision = demanding(KEYED, None)
    for step_up, complete in (
        (None, False),
        (StepUp(), False),
        (StepUp(amr=("pwd",)), False),
        (StepUp(amr=("hwk",)), True),
    ):
        assert count(decision, keyed(PIA, step_up), by(MAX)).complete is complete, step_up
    assert count(decision, by(PIA, "deny")).denied_by == PIA


def test_who_is_asked_for_a_sign_in() -> None:
    decision = demanding(KEYED, StepUp())
    assert demands(decision, by(PIA), requestor=DANA) == (KEYED,)
    assert demands(decision, by(MAX), requestor=DANA) == (StepUp(),)
    assert demands(decision, by(PAT), requestor=DANA) == (KEYED, StepUp())
    assert demands(decision, by(EVE), requestor=DANA) == ()
    assert demands(decision, by(PAT, "deny"), requestor=DANA) == ()


def joined(who: Requestor, with_: Requestor) -> Requestor:
    return msgspec.structs.replace(who, human=f"{with_.iss}#{with_.sub}")


def test_one_human_with_two_accounts_counts_once_and_never_for_themselves() -> None:
    again = person("pia-too", "privacy", iss=OTHER)
    mine, other = joined(PIA, PIA), joined(again, PIA)
    assert not count(TWO, by(mine), by(other)).complete
    assert count(TWO, by(other), by(PAT)).complete  # of one issuer, by the alias
    assert not count(ONE, by(again)).complete  # a stranger's account, without one
    assert not may_review(ONE, other, requestor=mine)
    assert not may_review(ONE, mine, requestor=other)
    assert may_review(ONE, other, requestor=DANA)


def test_a_workload_approves_nothing() -> None:
    assert not count(ONE, by(msgspec.structs.replace(PIA, claims=(("ref", "main"),)))).complete


def test_whom_it_is_up_to_is_told_with_the_other_ways() -> None:
    dba, sre = Approvers(groups=("dba",)), Approvers(groups=("sre",), subjects=(f"{CORP}#pat",))
    either = Requirement(
        rule="r", approvers=dba, count=1, permissions=(EMAIL,), instead=(Alternative(approvers=sre, count=2),)
    )
    decision = NeedsApproval(ttl=3600, requirements=(either,), trace=())
    (nobody,) = count(decision).counted
    assert nobody.people == "dba (or else 2 of sre or pat)"
    (one,) = count(decision, by(person("sue", "sre"))).counted
    assert (one.people, one.left) == ("sre or pat (or else 1 of dba)", 1)
    (two,) = count(decision, by(person("sue", "sre")), by(person("sam", "sre"))).counted
    assert (two.people, two.left) == ("sre or pat (or else 1 of dba)", 0)
