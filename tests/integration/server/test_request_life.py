"""The life of a request at the server: every way it can go, driven over HTTP by people and a scripted agent."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from fix_plane import CUSTOMERS, Plane, code, read
from fix_scripted_agent import AUTOMATIC, DENIED, by, progress
from p0_access.messages.views import State
from p0_access.proof import jws


def types(events: tuple[object, ...]) -> list[str]:
    return [event.type for event in events]  # type: ignore[attr-defined]  # views of any version have it


async def test_an_automatic_request_is_active_in_one_round_trip(plane: Plane) -> None:
    asking = asyncio.create_task(plane.ada.submit(wait=20))
    job = await plane.agent.the_job("admit")
    assert (await plane.agent.provide(job)).status_code == 200
    view = await asking
    assert view.state is State.ACTIVE
    assert view.credential is not None
    assert view.login == "p0_l_1"
    assert types(view.events) == ["submitted", "admitted", "approved", "active"]
    assert view.mine
    assert not view.reviewable


async def test_two_people_take_a_request_to_its_end(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    assert view.state is State.SUBMITTED
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    seen = await plane.pat.view(view.rid)
    assert (seen.state, seen.reviewable, seen.mine) == (State.PENDING, True, False)

    approving = asyncio.create_task(
        plane.pat.post(f"/v1/requests/{view.rid}/approvals", plane.pat.approval(seen), wait=20)
    )
    job = await plane.agent.the_job("approval")
    assert job.act is not None
    await plane.agent.answer(job, "approved", progress=progress(1, "pat"))
    approved = read(await approving)
    assert approved.state is State.APPROVED
    assert approved.progress[0].by == ("pat",)
    assert approved.approvals == (job.act.record,)

    mine = await plane.ada.view(view.rid)
    collecting = asyncio.create_task(
        plane.ada.post(f"/v1/requests/{view.rid}/collect", plane.ada.collection(mine), wait=20)
    )
    job = await plane.agent.the_job("collect")
    assert (await plane.ada.view(view.rid)).state is State.PROVISIONING
    await plane.agent.provide(job)
    active = read(await collecting)
    assert active.state is State.ACTIVE
    assert active.credential is not None
    assert (await plane.pat.view(view.rid)).credential is None

    ending = asyncio.create_task(
        plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(active, "relinquish"), wait=20)
    )
    job = await plane.agent.the_job("end")
    assert (await plane.ada.view(view.rid)).state is State.ENDING
    await plane.agent.end(job, "relinquished")
    ended = read(await ending)
    assert (ended.state, ended.end_cause, ended.credential) == (State.ENDED, "relinquished", None)
    assert ended.deletion is not None
    assert types(ended.events) == [
        "submitted", "admitted", "approval", "approved", "collected", "active", "ending", "ended",
    ]  # fmt: skip
    assert [event.actor for event in ended.events if event.type == "approval"] == ["pat@corp.example"]


@pytest.mark.parametrize(("first", "outcome"), [("deny", "denied"), ("approve", "approved")])
async def test_what_people_decided_stands(
    plane: Plane, first: Literal["approve", "deny"], outcome: Literal["approved", "denied"]
) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    path, seen = f"/v1/requests/{view.rid}/approvals", await plane.pat.view(view.rid)
    await plane.pat.post(path, plane.pat.approval(seen, first, comment="seen"))
    await plane.agent.answer(await plane.agent.the_job("approval"), outcome)
    acts = [plane.quinn.approval(seen, "approve"), plane.quinn.approval(seen, "deny", comment="late")]
    told = [await plane.quinn.post(path, act) for act in acts]
    assert [code(each) for each in told] == [(409, f"already_{outcome}")] * 2
    revoke = None if outcome == "denied" else f"p0 revoke {view.rid} ends the access"
    assert [each.json()["error"].get("hint") for each in told] == [revoke] * 2
    assert await plane.agent.claim() == []


async def test_a_denial_by_rules_says_why(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), DENIED)
    denied = await plane.ada.view(view.rid)
    assert (denied.state, denied.message) == (State.DENIED, "Use a migration.")


async def test_a_denial_by_a_person_says_who_and_why(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    seen = await plane.pat.view(view.rid)
    denial = plane.pat.approval(seen, "deny", comment="Not for reports.")
    await plane.pat.post(f"/v1/requests/{view.rid}/approvals", denial)
    await plane.agent.answer(await plane.agent.the_job("approval"), "denied")
    denied = await plane.ada.view(view.rid)
    assert (denied.state, denied.message) == (State.DENIED, "denied by pat@corp.example: Not for reports.")
    assert types(denied.events) == ["submitted", "admitted", "approval", "denied"]


@pytest.mark.parametrize(
    ("refused_with", "state"),
    [("unknown_table", State.REFUSED), ("token_expired", State.NEEDS_LOGIN), ("session_too_old", State.NEEDS_LOGIN)],
)
async def test_a_refusal_carries_what_a_person_can_act_on(plane: Plane, refused_with: str, state: State) -> None:
    view = await plane.ada.submit()
    job = await plane.agent.the_job("admit")
    refusal = plane.agent.refusal(job, refused_with)
    await plane.agent.answer(job, "refused", refusal, code=refused_with, message="no", hint="try")
    refused = await plane.ada.view(view.rid)
    assert (refused.state, refused.code, refused.message, refused.hint) == (state, refused_with, "no", "try")
    assert refused.refusal == refusal


async def test_a_refusal_that_closes_the_request_is_told_to_both(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    seen = await plane.pat.view(view.rid)
    approving = asyncio.create_task(
        plane.pat.post(f"/v1/requests/{view.rid}/approvals", plane.pat.approval(seen), wait=20)
    )
    job = await plane.agent.the_job("approval")
    refusal = plane.agent.refusal(job, "window_closed")
    await plane.agent.answer(job, "refused", refusal, code="window_closed", message="late", hint="again", closed=True)
    assert code(await approving) == (422, "window_closed")
    closed = await plane.ada.view(view.rid)
    assert (closed.state, closed.code, closed.message, closed.hint) == (State.REFUSED, "window_closed", "late", "again")
    assert (closed.refusal, closed.approvals) == (refusal, ())
    assert types(closed.events) == ["submitted", "admitted", "refused"]


async def test_a_refused_approval_is_told_to_the_approver_and_the_request_goes_on(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    seen = await plane.pat.view(view.rid)
    approving = asyncio.create_task(
        plane.pat.post(f"/v1/requests/{view.rid}/approvals", plane.pat.approval(seen), wait=20)
    )
    job = await plane.agent.the_job("approval")
    refusal = plane.agent.refusal(job, "approver_unknown")
    await plane.agent.answer(job, "refused", refusal, code="approver_unknown", message="not here", hint=None)
    assert code(await approving) == (422, "approver_unknown")
    after = await plane.ada.view(view.rid)
    assert (after.state, after.refusal, after.approvals) == (State.PENDING, None, ())
    assert after.events[-1].type == "failed"


async def test_a_refused_collection_can_be_tried_again(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), AUTOMATIC)
    approved = await plane.ada.view(view.rid)
    path = f"/v1/requests/{view.rid}/collect"
    await plane.ada.post(path, plane.ada.collection(approved))
    await plane.agent.answer(await plane.agent.the_job("collect"), "refused", code="act_expired", message="late")
    assert (await plane.ada.view(view.rid)).state is State.APPROVED
    await plane.ada.post(path, plane.ada.collection(approved))
    await plane.agent.provide(await plane.agent.the_job("collect"))
    assert (await plane.ada.view(view.rid)).state is State.ACTIVE


async def test_an_act_whose_refusal_closes_the_request(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), AUTOMATIC)
    approved = await plane.ada.view(view.rid)
    await plane.ada.post(f"/v1/requests/{view.rid}/collect", plane.ada.collection(approved))
    job = await plane.agent.the_job("collect")
    refusal = plane.agent.refusal(job, "changed")
    await plane.agent.answer(job, "refused", refusal, code="changed", message="a view is another now", closed=True)
    closed = await plane.ada.view(view.rid)
    assert (closed.state, closed.code, closed.refusal) == (State.REFUSED, "changed", refusal)


async def test_a_refused_end_leaves_the_access_as_it_is(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.provide(await plane.agent.the_job("admit"))
    await plane.pat.post(f"/v1/requests/{view.rid}/end", plane.pat.ending(view, "revoke"))
    assert (await plane.ada.view(view.rid)).state is State.ENDING
    await plane.agent.answer(await plane.agent.the_job("end"), "refused", code="not_allowed", message="no")
    assert (await plane.ada.view(view.rid)).state is State.ACTIVE


async def test_cancelling_before_anybody_decided(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    await plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(view, "cancel"))
    await plane.agent.answer(await plane.agent.the_job("end"), "cancelled")
    assert (await plane.ada.view(view.rid)).state is State.CANCELLED
    again = await plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(view, "cancel"))
    assert code(again) == (409, "already_ended")


async def test_an_access_that_its_agent_ended_at_expiry(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.provide(await plane.agent.the_job("admit"))
    rh = jws.record_hash(view.request)
    for _ in range(2):  # an agent that did not hear the answer reports again
        assert (await plane.agent.report(rh, plane.agent.deletion(rh, "expired"))).status_code == 200
    ended = await plane.ada.view(view.rid)
    assert (ended.state, ended.end_cause, ended.credential) == (State.ENDED, "expired", None)
    assert types(ended.events).count("ended") == 1


async def test_what_failed_is_ended_with_the_reason(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), AUTOMATIC)
    approved = await plane.ada.view(view.rid)
    await plane.ada.post(f"/v1/requests/{view.rid}/collect", plane.ada.collection(approved))
    job = await plane.agent.the_job("collect")
    await plane.agent.answer(job, "failed", code="ceiling", message="too many logins", hint="later")
    failed = await plane.ada.view(view.rid)
    assert (failed.state, failed.end_cause, failed.code) == (State.ENDED, "failed", "ceiling")


async def test_a_request_past_its_time_lapses(plane: Plane) -> None:
    view = await plane.ada.submit()
    plane.clock.ahead = 24 * 3600 + 1
    ada = plane.caller("ada", "analysts")  # signed in anew
    lapsed = await ada.view(view.rid, wait=20, after=view.events[-1].seq)
    assert (lapsed.state, lapsed.code) == (State.LAPSED, "lapsed")
    assert types(lapsed.events) == ["submitted", "lapsed"]
    assert await plane.agent.claim() == []


async def test_a_job_comes_again_when_its_lease_is_over_and_the_old_lease_counts_no_more(plane: Plane) -> None:
    await plane.ada.submit()
    first = await plane.agent.the_job("admit")
    assert await plane.agent.claim() == []
    plane.clock.ahead = 61
    second = await plane.agent.the_job("admit")
    assert (second.job, second.lease != first.lease) == (first.job, True)
    assert code(await plane.agent.admit(first, AUTOMATIC)) == (409, "stale_lease")
    assert (await plane.agent.admit(second, AUTOMATIC)).status_code == 200
    assert (await plane.agent.admit(second, AUTOMATIC)).status_code == 200  # its answer may have been lost


async def test_an_end_does_not_wait_for_a_job_that_its_agent_cannot_finish(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(view, "cancel"))
    stuck = await plane.agent.the_job("admit")  # in order, as long as the first was never handed out
    end = await plane.agent.the_job("end")
    await plane.agent.answer(end, "cancelled")
    assert code(await plane.agent.admit(stuck, AUTOMATIC)) == (409, "stale_lease")
    assert (await plane.ada.view(view.rid)).state is State.CANCELLED
