"""Sign-ins for one act, as rules demand them: whose acts need one, and how strong it must be."""

from __future__ import annotations

import pytest

from fix_routing import DANA, DBA, EMAIL, INSERT, MARKET, NAME, on, question, rules
from p0_access.errors import ProofError, RulesError, StepUpError
from p0_access.routing.decide import route
from p0_access.routing.decision import MAX_DEMANDS, Automatic, NeedsApproval, Requestor, StepUp
from p0_access.routing.explain import explain
from p0_access.routing.stepping_up import check_step_up

ANY = StepUp()
KEY = StepUp(acr=("phr", "phrh"), amr=("hwk",))


def approval(step_up: str, verdict: str = "approvers: {groups: [dba]}") -> str:
    return on("", f"approval: {{{verdict}, step_up: {step_up}}}")


def demanded(*each: str, top: str = "", asked: object = MARKET) -> tuple[StepUp | None, tuple[StepUp, ...]]:
    """What approvals by the first requirement need, and what the request needs."""
    decision = route(rules(*each, top=top), question(asked))  # type: ignore[arg-type]  # a permission
    assert isinstance(decision, NeedsApproval)
    return decision.requirements[0].step_up, decision.step_up


def test_approvals_of_what_writes_need_it_unless_the_file_says_otherwise() -> None:
    assert demanded(on("", DBA), asked=INSERT) == (ANY, ())
    assert demanded(on("", DBA), asked=MARKET) == (None, ())
    assert demanded(on("", DBA), top="defaults: {step_up_for_writes: false}", asked=INSERT) == (None, ())
    assert demanded(approval("false"), asked=INSERT) == (None, ())


def test_what_is_reached_and_what_is_unknown_may_write() -> None:
    read = rules(on("", DBA))
    for more in ({"reached": (INSERT,)}, {"reach_unknown": True}):
        decision = route(read, question(MARKET, **more))
        assert isinstance(decision, NeedsApproval)
        assert decision.requirements[0].step_up == ANY, more


def test_a_rule_demands_it_of_approvers_or_of_the_requestor() -> None:
    assert demanded(approval("true")) == (ANY, ())
    assert demanded(approval("{of: [requestor]}")) == (None, (ANY,))
    assert demanded(approval("{of: [requestor, approvers], acr: [phr, phrh], amr: [hwk]}")) == (KEY, (KEY,))
    decision = route(rules(approval("true", "auto: true")), question(MARKET))
    assert isinstance(decision, Automatic)
    assert decision.step_up == (ANY,)


def test_the_request_meets_what_every_deciding_rule_demands() -> None:
    several = [
        on("columns: [enterprise.customers.email]", "approval: {auto: true, step_up: {acr: [phr]}}"),
        on("columns: [enterprise.customers.name]", "approval: {auto: true, step_up: {amr: [hwk]}}"),
        on("", "approval: {auto: true, step_up: {amr: [hwk]}}"),
    ]
    decision = route(rules(*several), question(EMAIL, NAME, MARKET))
    assert isinstance(decision, Automatic)
    assert decision.step_up == (StepUp(acr=("phr",)), StepUp(amr=("hwk",)))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "step_up_required"),
        (StepUp(amr=("hwk",)), "step_up_acr"),
        (StepUp(acr=("1",), amr=("hwk",)), "step_up_acr"),
        (StepUp(acr=("phr",)), "step_up_amr"),
        (StepUp(acr=("phr",), amr=("pwd", "otp")), "step_up_amr"),
    ],
)
def test_a_sign_in_that_is_not_strong_enough(found: StepUp | None, code: str) -> None:
    with pytest.raises(ProofError) as error:
        check_step_up((ANY, KEY), found)
    assert error.value.code == code


def test_demands_are_told_once_and_no_more_than_a_message_holds() -> None:
    every = [StepUp(acr=(f"acr-{number}",)) for number in range(MAX_DEMANDS + 9)]
    with pytest.raises(StepUpError) as error:
        check_step_up([*every, *every], StepUp(acr=tuple(each.acr[0] for each in every[:-1])))  # meets all but the last
    assert error.value.demands == tuple(every[:MAX_DEMANDS])


def test_a_sign_in_that_is_strong_enough() -> None:
    check_step_up((), None)
    check_step_up((ANY,), StepUp())
    check_step_up((ANY, KEY), StepUp(acr=("phrh",), amr=("pwd", "hwk")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("deny: No., step_up: true", '"step_up" means nothing beside deny'),
        ("auto: true, step_up: {of: [approvers]}", "nobody approves by this rule"),
        ("auto: true, step_up: {acr: []}", '"acr" is empty'),
        ("auto: true, step_up: yes", '"step_up" is true or false'),
        ("auto: true, step_up: {max_age: 60s}", 'step_up has no "max_age"'),
    ],
)
def test_what_means_nothing_is_refused(text: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        rules(on("", f"approval: {{{text}}}"))


# Workloads


CI = "https://ci.example"
PINNED = f'requestor: {{issuer: "{CI}", claims: {{repository_id: "4711", ref: [refs/heads/main, refs/heads/next]}}}}'


def workload(**claims: str) -> Requestor:
    return Requestor(iss=CI, sub="repo:corp/app", groups=("analysts",), claims=tuple(sorted(claims.items())))


@pytest.mark.parametrize(
    ("who", "granted"),
    [
        (workload(repository_id="4711", ref="refs/heads/main", actor="x"), True),
        (workload(repository_id="4711", ref="refs/heads/next"), True),
        (workload(repository_id="4711", ref="refs/heads/mine"), False),
        (workload(repository_id="4712", ref="refs/heads/main"), False),
        (workload(repository_id="4711"), False),
        (workload(), False),
        (Requestor(iss=CI, sub="repo:corp/app"), False),
        (DANA, False),
    ],
)
def test_a_workload_is_who_its_pinned_claims_say(who: Requestor, granted: bool) -> None:
    decision = route(rules(f"{PINNED}\n{on('')}"), question(MARKET, requestor=who))
    assert isinstance(decision, Automatic) is granted


@pytest.mark.parametrize(
    "people", ["", "requestor: {groups: [analysts]}\n", f'requestor: {{subjects: ["{CI}#repo:corp/app"]}}\n']
)
def test_a_rule_without_pins_gives_a_workload_nothing_but_denials(people: str) -> None:
    who = workload(repository_id="4711", ref="refs/heads/main")
    assert not isinstance(route(rules(people + on("")), question(MARKET, requestor=who)), Automatic)
    denied = rules(people + on("", "approval: {deny: Never.}"), f"{PINNED}\n{on('')}")
    assert not isinstance(route(denied, question(MARKET, requestor=who)), Automatic)


@pytest.mark.parametrize(
    ("requestor", "says"),
    [
        ("claims: {ref: main}", "claims are those of a workload's token"),
        (f'issuer: "{CI}", claims: {{}}', '"claims" pins nothing'),
        (f'issuer: "{CI}", claims: {{ref: "refs/*"}}', "is not the value of a claim"),
        (f'issuer: "{CI}", claims: {{ref: []}}', '"ref" is empty'),
        (f'issuer: "{CI}", claims: {{ref: main}}, emails: ["*@ci.example"]', "claims are those of a workload's token"),
    ],
)
def test_pins_that_pin_nothing_are_refused(requestor: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        rules(f"requestor: {{{requestor}}}\n{on('')}")


def test_a_decision_tells_who_signs_in_for_it() -> None:
    asked = rules(approval("{of: [requestor, approvers], acr: [phr, phrh], amr: [hwk]}"))
    lines = explain(route(asked, question(MARKET)))
    assert "signing in for it (acr phr or phrh, amr hwk)" in lines[0]
    assert lines[2] == "who asks signs in for it (acr phr or phrh, amr hwk)"
    assert "signing in for it" in explain(route(rules(on("", DBA)), question(INSERT)))[0]
    assert explain(route(rules(approval("true", "auto: true")), question(MARKET)))[1] == "who asks signs in for it"
