"""What the panel says of a reading and a decision."""

from __future__ import annotations

from p0_access.permissions.permission import Kind, Permission, any_column, column, connect, relation, usage
from p0_access.routing.decision import Approvers, Automatic, Considered, Denied, NeedsApproval, Requirement, Traced
from p0_tui.assessment import assess, risks
from p0_tui.verdict import Verdict, verdict_of

ID = column("s", "t", "id", "SELECT")
EMAIL = column("s", "t", "email", "SELECT")
WRITE = column("s", "t", "email", "UPDATE")
TAGS = {("s", "t", "email"): frozenset({"pii"})}


def traced(permission: Permission, outcome: str, rule: str | None = "r") -> Traced:
    considered = (Considered(rule=rule, matched=True, because="it is pii"),) if rule else ()
    return Traced(permission=permission, considered=considered, outcome=outcome, rule=rule)  # type: ignore[arg-type]


def needs(*permissions: Permission) -> NeedsApproval:
    requirement = Requirement(
        rule="r", approvers=Approvers(groups=("privacy",)), count=2, permissions=tuple(permissions)
    )
    rest = [ID] if ID not in permissions else []
    trace = (*(traced(item, "approvers") for item in permissions), *(traced(item, "auto", "a") for item in rest))
    return NeedsApproval(ttl=60, requirements=(requirement,), trace=trace)


def test_no_decision_is_unknown_not_yes() -> None:
    assessment = assess([ID], None, {})
    assert (assessment.verdict, assessment.ttl) == (Verdict.UNKNOWN, None)
    assert [part.verdict for group in assessment.groups for part in group.parts] == [Verdict.UNKNOWN]
    assert verdict_of(None) is Verdict.UNKNOWN


def test_columns_are_grouped_by_who_decides_them() -> None:
    assessment = assess([connect("d"), usage("s"), EMAIL, ID], needs(EMAIL), TAGS)
    assert (assessment.verdict, assessment.headline) == (Verdict.APPROVAL, "2 of privacy")
    assert assessment.grounds == ("rule r: it is pii",)
    (group,) = assessment.groups
    assert (group.privilege, group.target) == ("SELECT", "s.t")
    assert [(part.verdict, part.names, part.tags, part.by) for part in group.parts] == [
        (Verdict.APPROVAL, ("email",), ("pii",), "2 of privacy"),
        (Verdict.AUTO, ("id",), (), "auto"),
    ]
    assert assessment.implied == ("CONNECT on database d", "USAGE on schema s")
    assert assessment.easier == (EMAIL,)


def test_what_the_trace_does_not_name_is_unknown() -> None:
    decision = Automatic(ttl=60, trace=(traced(ID, "auto"),))
    parts = assess([EMAIL, ID], decision, {}).groups[0].parts
    assert [(part.names, part.verdict) for part in parts] == [(("email",), Verdict.UNKNOWN), (("id",), Verdict.AUTO)]


def test_a_permission_with_several_entries_shows_the_strictest() -> None:
    whole = relation("s", "t", "SELECT")
    for order in ((0, 1), (1, 0)):
        entries = (traced(whole, "auto", "a"), traced(whole, "deny", "d"))
        decision = Denied(reasons=("no",), trace=tuple(entries[at] for at in order))
        (part,) = assess([whole], decision, {}).groups[0].parts
        assert (part.verdict, part.by, part.names) == (Verdict.DENIED, "d", ("the whole table",))


def test_reached_entries_say_nothing_of_what_is_granted() -> None:
    reached = Traced(permission=ID, considered=(), outcome="deny", rule="d", reached=True)
    decision = Denied(reasons=("no",), trace=(traced(ID, "auto"), reached))
    assert assess([ID], decision, {}).groups[0].parts[0].verdict is Verdict.AUTO


def test_while_asking_again_known_outcomes_stay_and_the_verdict_does_not() -> None:
    assessment = assess([EMAIL, ID], None, {}, before=Automatic(ttl=60, trace=(traced(ID, "auto"),)))
    assert assessment.verdict is Verdict.UNKNOWN
    assert {part.names: part.verdict for part in assessment.groups[0].parts} == {
        ("email",): Verdict.UNKNOWN,
        ("id",): Verdict.AUTO,
    }


def test_only_implied_permissions_are_shown_as_such() -> None:
    decision = Automatic(ttl=60, trace=(traced(connect("d"), "auto"),))
    assessment = assess([connect("d")], decision, {})
    assert [(group.privilege, group.target) for group in assessment.groups] == [("CONNECT", "database d")]
    assert assessment.implied == ()


def test_an_easier_way_is_offered_only_where_leaving_out_columns_is_one() -> None:
    assert assess([WRITE, ID], needs(WRITE), {}).easier == ()
    assert assess([EMAIL], needs(EMAIL), {}).easier == ()
    assert assess([ID], Automatic(ttl=60, trace=(traced(ID, "auto"),)), {}).easier == ()


def test_risks_name_their_grounds() -> None:
    function = Permission(Kind.FUNCTION, "s", "f(integer)", None, "EXECUTE")
    found = risks([EMAIL, WRITE, relation("s", "u", "SELECT"), function], [column("x", "y", "z", "SELECT")], TAGS)
    assert found == (
        "writes (UPDATE)",
        "pii: t.email",
        "whole tables: s.u",
        "functions: s.f(integer)",
        "also reached through owners' code: x.y",
    )
    assert risks([ID, any_column("s", "t", "SELECT")], [], TAGS) == ()
