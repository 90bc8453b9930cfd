"""Words that count in another way: after an escalation, in somebody's place, or given in advance."""

from __future__ import annotations

import msgspec
import pytest

from p0_access.permissions.permission import Permission, column, connect, relation, usage
from p0_access.routing.approvals import Tally, tally
from p0_access.routing.decision import Approvers, Emergency, Escalation, NeedsApproval, Requestor, Requirement
from p0_access.routing.say import Absent, VerifiedApproval, in_whose_place, may_close, may_review

CORP, OTHER = "https://id.corp.example", "https://other.example"
EMAIL = column("enterprise", "customers", "email", "SELECT")
PHONE = column("enterprise", "customers", "phone", "SELECT")
ENTRY = column("ledger", "entries", "id", "SELECT")
GRANTED = (connect("sales"), usage("enterprise"), EMAIL, PHONE, ENTRY)
DBA, PRIVACY = Approvers(groups=("dba",)), Approvers(groups=("privacy",))


def person(sub: str, *groups: str, iss: str = CORP) -> Requestor:
    return Requestor(iss=iss, sub=sub, email=f"{sub}@corp.example" if iss == CORP else None, groups=groups)


DANA = person("dana", "analysts")
ANN, BOB, CAT = person("ann", "dba"), person("bob", "dba"), person("cat", "sre")


def needs(count: int, approvers: Approvers = DBA, *, escalate: Escalation | None = None) -> NeedsApproval:
    asked = Requirement(rule="r", approvers=approvers, count=count, permissions=(EMAIL,), escalate=escalate)
    return NeedsApproval(ttl=3600, requirements=(asked,), trace=())


def by(
    who: Requestor, *absent: Absent, after: int = 0, within: tuple[Permission, ...] | None = None
) -> VerifiedApproval:
    return VerifiedApproval(
        by=who, decision="approve", permissions=GRANTED, ttl=600, after=after, in_place_of=absent, within=within
    )


def count(decision: NeedsApproval, *approvals: VerifiedApproval, requestor: Requestor = DANA) -> Tally:
    return tally(decision, requestor=requestor, granted=GRANTED, approvals=approvals)


def away(who: Requestor, *groups: str) -> Absent:
    return Absent(person=who, groups=groups or None)


LATER = Escalation(after=900, to=Approvers(groups=("sre",)))


def test_who_is_asked_later_counts_from_then_on_and_not_before() -> None:
    decision = needs(1, escalate=LATER)
    assert not count(decision, by(CAT, after=899)).complete
    assert count(decision, by(CAT, after=900)).complete
    assert not may_review(decision, CAT, requestor=DANA, after=899)
    assert may_review(decision, CAT, requestor=DANA, after=900)


def test_an_escalation_does_not_take_away_those_who_were_asked_first() -> None:
    assert count(needs(2, escalate=LATER), by(ANN, after=10), by(CAT, after=1000)).complete


def test_the_requestor_does_not_escalate_to_themselves() -> None:
    cat = count(needs(1, escalate=LATER), by(CAT, after=1000), requestor=CAT)
    assert not cat.complete


def test_somebody_stands_in() -> None:
    assert not count(needs(1), by(CAT)).complete
    assert count(needs(1), by(CAT, away(ANN))).complete
    assert may_review(needs(1), CAT, requestor=DANA, in_place_of=(away(ANN),))


def test_it_is_told_in_whose_place() -> None:
    def places(approval: VerifiedApproval, requestor: Requestor = DANA) -> tuple[Requestor, ...]:
        return in_whose_place(needs(1), approval, requestor=requestor)

    assert places(by(CAT, away(ANN), away(person("pim", "privacy")), away(BOB))) == (ANN, BOB)
    assert places(by(CAT, away(ANN, "sre"))) == ()
    assert places(by(CAT, away(ANN)), requestor=ANN) == ()
    assert places(by(BOB, away(ANN))) == ()  # who is asked speaks for himself


def test_only_as_one_of_the_groups_that_were_named() -> None:
    both = person("ann", "dba", "privacy")
    assert count(needs(1, PRIVACY), by(CAT, away(both, "privacy"))).complete
    assert not count(needs(1, DBA), by(CAT, away(both, "privacy"))).complete
    listed = Approvers(subjects=(f"{CORP}#ann",))
    assert count(needs(1, listed), by(CAT, away(both))).complete
    assert not count(needs(1, listed), by(CAT, away(both, "dba"))).complete


def test_nobody_approves_their_own_through_a_delegation_of_either_kind() -> None:
    assert not count(needs(1), by(DANA, away(ANN))).complete  # the requestor stands in for an approver
    assert not count(needs(1), by(CAT, away(ANN)), requestor=ANN).complete  # somebody stands in for the requestor
    alias = msgspec.structs.replace(person("ann2", "dba"), email="ann@corp.example")
    assert not count(needs(1), by(CAT, away(alias)), requestor=ANN).complete


def test_the_absent_and_who_stands_in_are_one() -> None:
    assert not count(needs(2), by(ANN), by(CAT, away(ANN))).complete
    assert not count(needs(2), by(CAT, away(ANN)), by(ANN)).complete
    assert not count(needs(2), by(CAT, away(ANN)), by(person("dee"), away(ANN))).complete
    assert not count(needs(2), by(CAT, away(ANN), away(BOB))).complete
    assert count(needs(2), by(BOB), by(CAT, away(ANN))).complete
    assert count(needs(2), by(ANN), by(CAT, away(ANN), away(BOB))).complete


def test_one_more_word_never_takes_one_away() -> None:
    words = (by(ANN), by(BOB), by(CAT, away(ANN), away(BOB)))
    assert [len(count(needs(2), *words[:number]).counted[0].by) for number in (1, 2, 3)] == [1, 2, 2]


def test_who_is_of_another_issuer_stands_in_for_nobody() -> None:
    assert not count(needs(1), by(person("cat", iss=OTHER), away(ANN))).complete


@pytest.mark.parametrize(
    ("within", "counts"),
    [((EMAIL,), True), ((PHONE,), False), ((), False), ((relation("enterprise", "customers", "SELECT"),), True),
     ((relation("enterprise", "customers", "UPDATE"),), False)],
)  # fmt: skip
def test_what_was_given_in_advance_counts_for_what_it_names(within: tuple[Permission, ...], counts: bool) -> None:
    found = count(needs(1), by(ANN, within=within))
    assert found.complete is counts
    assert found.struck == ()


def test_given_in_advance_it_is_nobodys_own_and_counts_once() -> None:
    assert not count(needs(1), by(ANN, within=(EMAIL,)), requestor=ANN).complete
    assert not count(needs(2), by(ANN, within=(EMAIL,)), by(ANN)).complete
    assert count(needs(2), by(ANN, within=(EMAIL,)), by(BOB)).complete


def test_its_time_caps_what_is_given() -> None:
    assert count(needs(1), by(ANN, within=(EMAIL,))).ttl == 600


def test_who_closes_the_review_of_an_emergency() -> None:
    emergency = Emergency(rules=("glass",), notify=("security",), review_within=60)
    sam = person("sam", "security")
    assert may_close(emergency, sam, requestor=DANA)
    assert not may_close(emergency, ANN, requestor=DANA)
    assert not may_close(emergency, sam, requestor=sam)
    assert not may_close(emergency, person("sam", "security", iss=OTHER), requestor=DANA)
    alias = msgspec.structs.replace(person("sam2", "security"), email="dana@corp.example")
    assert not may_close(emergency, alias, requestor=DANA)
