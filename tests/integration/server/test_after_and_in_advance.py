"""What the server keeps of allowances, delegations, emergencies, escalations, extensions and struck permissions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from fix_plane import CUSTOMERS, RULES, Caller, Plane, code, new_rid, read
from fix_scripted_agent import AUTOMATIC, PERMISSIONS, by, progress
from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Extension, Named
from p0_access.messages.views import RequestSummary, RequestView, State
from p0_access.proof import jws
from p0_access.routing.decision import Approvers, Emergency, Escalation, NeedsApproval, Requirement, StepUp
from p0_server.upkeep import INTERVAL_SECONDS

GLASS = msgspec.structs.replace(
    AUTOMATIC, emergency=Emergency(rules=("glass",), notify=("security",), review_within=3600)
)


def named(caller: Caller) -> Named:
    return Named(iss=caller.person.issuer.url, sub=caller.person.name, email=None)


def allowance(signer: Caller, subject: Caller, **changes: Any) -> SignedAct:
    wanted: dict[str, Any] = {
        "agent": signer.agent,
        "rid": "m-" + new_rid().removeprefix("r-"),
        "subject": named(subject),
        "database": "mydatabase",
        "permissions": PERMISSIONS,
        "kinds": ("statement",),
        "uses": 2,
        "ttl": 600,
        "lifetime": 3600,
        "comment": "the night shift",
    }
    return signer.person.signer.sign_allow(**wanted | changes)


def delegation(signer: Caller, to: Caller, **changes: Any) -> SignedAct:
    wanted: dict[str, Any] = {
        "agent": signer.agent,
        "rid": "m-" + new_rid().removeprefix("r-"),
        "to": named(to),
        "groups": None,
        "lifetime": 3600,
        "comment": "away",
    }
    return signer.person.stepping_up(signer.person.signer.sign_delegation(**wanted | changes))


async def listed(caller: Caller, view: str) -> list[RequestSummary]:
    answer = await caller.get("/v1/requests", view=view)
    assert answer.status_code == 200, answer.text
    return msgspec.convert(answer.json()["requests"], list[RequestSummary])


async def standing(plane: Plane, signer: Caller, act: SignedAct) -> RequestView:
    """Handed in, and taken by the agent."""
    handing = asyncio.create_task(signer.post("/v1/mandates", act, wait=20))
    job = await plane.agent.the_job("mandate")
    assert job.request.record == act.record
    await plane.agent.answer(job, "active")
    answer = await handing
    assert answer.status_code == 201
    return read(answer)


async def pending(plane: Plane, decision: Any = None) -> RequestView:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), decision or by("privacy"))
    return await plane.ada.view(view.rid)


async def test_an_allowance_is_kept_used_and_withdrawn(plane: Plane) -> None:
    act = allowance(plane.pat, plane.ada)
    view = await standing(plane, plane.pat, act)
    assert (view.state, view.kind, view.used, view.mine) == (State.ACTIVE, "allow", 0, True)
    assert (await plane.pat.post("/v1/mandates", act)).status_code == 200  # the same again is the same one
    assert [each.rid for each in await listed(plane.ada, "mandates")] == [view.rid]
    assert await listed(plane.eve, "mandates") == []
    for kind in ("mine", "to-review", "all"):
        assert view.rid not in {each.rid for caller in (plane.pat, plane.ada) for each in await listed(caller, kind)}

    asked = await plane.ada.submit(CUSTOMERS)
    job = await plane.agent.the_job("admit")
    records = (plane.agent.admission(job, by("privacy")),)
    await plane.agent.answer(job, "approved", *records, progress=progress(1, "pat"), in_advance=(view.rid,))
    approved = await plane.ada.view(asked.rid)
    assert approved.state is State.APPROVED
    assert [event.data.get("in_advance") for event in approved.events if event.type == "approval"] == [view.rid]
    assert (await plane.pat.view(view.rid)).used == 1

    assert code(await plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(view, "revoke"))) == (
        403,
        "not_yours",
    )
    ending = asyncio.create_task(
        plane.pat.post(f"/v1/requests/{view.rid}/end", plane.pat.ending(view, "revoke"), wait=20)
    )
    await plane.agent.answer(await plane.agent.the_job("withdraw"), "ended")
    ended = read(await ending)
    assert (ended.state, ended.end_cause) == (State.ENDED, "withdrawn")


async def test_one_that_the_agent_refuses_is_over_and_says_why(plane: Plane) -> None:
    handing = asyncio.create_task(plane.eve.post("/v1/mandates", allowance(plane.eve, plane.ada), wait=20))
    job = await plane.agent.the_job("mandate")
    refusal = plane.agent.refusal(job, "not_an_approver")
    await plane.agent.answer(job, "refused", refusal, code="not_an_approver", message="no", closed=True)
    view = read(await handing)
    assert (view.state, view.code) == (State.REFUSED, "not_an_approver")


async def test_an_act_that_stands_for_nothing_is_refused_at_the_door(plane: Plane) -> None:
    assert code(await plane.pat.post("/v1/mandates", plane.pat.request())) == (422, "record_type")
    foreign = allowance(plane.pat, plane.ada, agent="x" * 43)
    assert code(await plane.pat.post("/v1/mandates", foreign)) == (404, "unknown_agent")


async def test_who_stands_in_sees_what_the_other_would_until_it_ends(plane: Plane) -> None:
    request = await pending(plane)
    assert (await plane.eve.get(f"/v1/requests/{request.rid}")).status_code == 404
    view = await standing(plane, plane.pat, delegation(plane.pat, plane.eve))
    assert (await plane.eve.view(request.rid)).reviewable
    assert [each.rid for each in await listed(plane.eve, "to-review")] == [request.rid]
    plane.clock.ahead += 3601
    pat = plane.caller("pat", "privacy")  # signed in anew
    ended = await once(pat, view.rid, lambda answer: read(answer).state is State.ENDED)
    assert ended.end_cause == "expired"
    again = plane.caller("eve")
    assert (await again.get(f"/v1/requests/{request.rid}")).status_code == 404


async def test_as_one_of_a_group_only(plane: Plane) -> None:
    request = await pending(plane)
    both = plane.caller("kim", "privacy", "managers")
    await standing(plane, both, delegation(both, plane.eve, groups=("managers",)))
    assert (await plane.eve.get(f"/v1/requests/{request.rid}")).status_code == 404


async def test_who_stands_in_is_asked_for_the_sign_in_that_the_other_is(plane: Plane) -> None:
    decision = NeedsApproval(
        ttl=1800,
        requirements=tuple(
            Requirement(
                rule=rule, approvers=Approvers(groups=(group,)), count=1, permissions=PERMISSIONS, step_up=demand
            )
            for rule, group, demand in (
                ("pii", "privacy", StepUp(acr=("phr",))),
                ("money", "managers", StepUp(acr=("phrh",))),
            )
        ),
        trace=(),
    )
    request = await pending(plane, decision)
    await standing(plane, plane.pat, delegation(plane.pat, plane.eve))
    eve = plane.eve
    act = eve.approval(await eve.view(request.rid), permissions=PERMISSIONS)
    path = f"/v1/requests/{request.rid}/approvals"
    answer = await eve.post(path, act)
    assert code(answer) == (422, "step_up_required")
    assert answer.json()["error"]["step_up"] == [{"acr": ["phr"]}]
    handing = asyncio.create_task(eve.post(path, eve.person.stepping_up(act, acr="phr"), wait=20))
    await plane.agent.answer(await plane.agent.the_job("approval"), "pending", progress=progress(1, "eve"))
    assert (await handing).is_success


async def once(caller: Caller, rid: str, ready: Callable[[httpx.Response], bool]) -> RequestView:
    """The request as the caller sees it as soon as it is `ready`: the server looks at its clock every few seconds."""
    async with asyncio.timeout(6 * INTERVAL_SECONDS):
        while True:
            answer = await caller.get(f"/v1/requests/{rid}")
            if ready(answer):
                return read(answer)
            await asyncio.sleep(0.2)


async def test_more_people_see_it_once_its_escalation_is_due(plane: Plane) -> None:
    asked = by("privacy")
    decision = msgspec.structs.replace(
        asked,
        requirements=tuple(
            msgspec.structs.replace(
                asked.requirements[0], escalate=Escalation(after=after, to=Approvers(groups=(group,)))
            )
            for after, group in ((60, "oncall"), (600, "security"))
        ),
    )
    request = await pending(plane, decision)
    olga = plane.caller("olga", "oncall")
    assert (await olga.get(f"/v1/requests/{request.rid}")).status_code == 404
    plane.clock.ahead += 61
    view = await once(olga, request.rid, lambda answer: answer.is_success)
    assert view.reviewable
    assert [(event.type, event.data) for event in view.events][-1] == ("escalated", {"to": ["oncall"]})


async def test_an_emergency_waits_for_its_review_until_somebody_signs_one(plane: Plane) -> None:
    request = await plane.ada.submit(CUSTOMERS)
    job = await plane.agent.the_job("admit")
    await plane.agent.answer(
        job, "active", plane.agent.admission(job, GLASS), plane.agent.credential(job), login="p0_l_1", not_after=2**31
    )
    sam = plane.caller("sam", "security")
    (waiting,) = await listed(sam, "to-review")
    assert (waiting.rid, waiting.reviewed_by) == (request.rid, None)
    assert waiting.review_due is not None
    assert not waiting.reviewable  # there is nothing to approve
    view = await sam.view(request.rid)

    def reviewing(caller: Caller) -> SignedAct:
        return caller.person.signer.sign_review(
            agent=caller.agent,
            rh=jws.record_hash(view.request),
            ah=jws.record_hash(view.admission or ""),
            comment="justified",
        )

    path = f"/v1/requests/{request.rid}/review"
    assert code(await plane.ada.post(path, reviewing(plane.ada))) == (403, "own_request")
    ending = asyncio.create_task(
        plane.ada.post(f"/v1/requests/{request.rid}/end", plane.ada.ending(view, "relinquish"), wait=20)
    )
    await plane.agent.end(await plane.agent.the_job("end"), "relinquished")
    assert read(await ending).state is State.ENDED
    assert [each.rid for each in await listed(sam, "to-review")] == [request.rid]

    closing = asyncio.create_task(sam.post(path, reviewing(sam), wait=20))
    job = await plane.agent.the_job("review")
    assert job.request.record == view.request
    await plane.agent.answer(job, "ended")
    closed = read(await closing)
    assert (closed.state, closed.reviewed_by) == (State.ENDED, "sam@corp.example")
    assert (closed.events[-1].type, closed.events[-1].data) == ("reviewed", {"comment": "justified"})
    assert await listed(sam, "to-review") == []
    assert code(await sam.post(path, reviewing(sam))) == (409, "already_reviewed")


async def test_an_extension_ends_and_the_access_lasts_longer(plane: Plane) -> None:
    first = await plane.ada.submit()
    await plane.agent.provide(await plane.agent.the_job("admit"))
    second = await plane.ada.submit(extends=jws.record_hash(first.request))
    job = await plane.agent.the_job("admit")
    record = plane.agent.sign(
        Extension(
            rh=jws.record_hash(job.request.record),
            extends=jws.record_hash(first.request),
            login="p0_l_1",
            not_after=2**31,
            at=int(plane.clock()),
        )
    )
    await plane.agent.answer(job, "extended", plane.agent.admission(job, AUTOMATIC), record, not_after=2**31)
    extension, access = await plane.ada.view(second.rid), await plane.ada.view(first.rid)
    assert (extension.state, extension.end_cause, extension.extension) == (State.ENDED, "extended", record)
    assert (access.state, access.not_after, access.extension) == (State.ACTIVE, 2**31, record)
    assert (access.events[-1].type, access.events[-1].data["by"]) == ("extended", second.rid)


async def test_who_may_end_any_access_sees_it_and_is_not_asked(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    changed = RULES.replace("require_reason: true}", "require_reason: true, revoke: {groups: [security]}}")
    await asyncio.to_thread((tmp_path / "rules.yaml").write_text, changed)
    async with plane.running():
        await plane.agent.announce()
        await plane.agent.publish()
        request = await pending(plane)
        sam = plane.caller("sam", "security")
        view = await sam.view(request.rid)
        assert (view.reviewable, view.mine) == (False, False)
        assert await listed(sam, "to-review") == []
        assert [each.rid for each in await listed(sam, "all")] == [request.rid]
        ending = asyncio.create_task(sam.post(f"/v1/requests/{request.rid}/end", sam.ending(view, "revoke"), wait=20))
        await plane.agent.answer(await plane.agent.the_job("end"), "cancelled")
        assert read(await ending).state is State.CANCELLED
        assert (await plane.eve.get(f"/v1/requests/{request.rid}")).status_code == 404


async def test_what_was_struck_is_shown(plane: Plane) -> None:
    request = await pending(plane)
    approving = asyncio.create_task(
        plane.pat.post(f"/v1/requests/{request.rid}/approvals", plane.pat.approval(request), wait=20)
    )
    job = await plane.agent.the_job("approval")
    struck = ("SELECT (id) on enterprise.markets",)
    await plane.agent.answer(job, "needs_changes", code="needs_changes", message="m", hint="h", struck=struck)
    view = read(await approving)
    assert (view.state, view.struck, view.hint) == (State.NEEDS_CHANGES, struck, "h")
