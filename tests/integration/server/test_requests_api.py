"""What people may hand in and see: visibility, idempotence, every act that is refused before it reaches an agent."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from fix_plane import CUSTOMERS, MARKETS, RULES, Plane, code, new_rid, read
from fix_scripted_agent import AUTOMATIC, CATALOG, by
from p0_access.encoding import sha256_b64u
from p0_access.messages.records import Admission, AdmissionRules, Subject, What
from p0_access.messages.views import RequestView, State
from p0_access.permissions.permission import column
from p0_access.proof import jws
from p0_access.routing.decision import Automatic, Denied, NeedsApproval


async def pending(plane: Plane) -> RequestView:
    view = await plane.ada.submit(CUSTOMERS)
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    return await plane.ada.view(view.rid)


# submitting


async def test_the_same_request_twice_is_one(plane: Plane) -> None:
    act = plane.ada.request()
    answers = [await plane.ada.post("/v1/requests", act) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert len(await plane.agent.claim()) == 1


async def test_the_same_request_many_times_at_once_is_one(plane: Plane) -> None:
    act = plane.ada.request()
    answers = await asyncio.gather(*(plane.ada.post("/v1/requests", act) for _ in range(6)))
    assert all(answer.is_success for answer in answers)
    assert len(read(answers[0]).events) == 1
    assert len(await plane.agent.claim()) == 1


async def test_an_id_that_stands_for_another_request(plane: Plane) -> None:
    rid = new_rid()
    await plane.ada.submit(rid=rid)
    assert code(await plane.ada.post("/v1/requests", plane.ada.request(rid=rid))) == (409, "rid_taken")
    assert code(await plane.pat.post("/v1/requests", plane.pat.request(rid=rid))) == (409, "rid_taken")


async def test_an_id_is_not_found_out_with_requests_that_are_refused(plane: Plane) -> None:
    await plane.ada.submit(rid=(taken := new_rid()))
    for rid in (taken, new_rid()):
        answer = await plane.pat.post("/v1/requests", plane.pat.request(rid=rid, reason=""))
        assert code(answer) == (422, "reason_required")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"database": "mydatabse"}, (404, "unknown_database")),
        ({"agent": "x" * 43}, (422, "act_audience")),
        ({"reason": "  "}, (422, "reason_required")),
    ],
)
async def test_what_no_agent_could_accept(plane: Plane, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code(await plane.ada.post("/v1/requests", plane.ada.request(**changes))) == expected
    assert await plane.agent.claim() == []


async def test_an_unknown_database_comes_with_the_nearest_name(plane: Plane) -> None:
    answer = await plane.ada.post("/v1/requests", plane.ada.request(database="mydatabse"))
    assert answer.json()["error"]["hint"] == "Did you mean mydatabase?"


async def test_somebody_elses_request(plane: Plane) -> None:
    assert code(await plane.pat.post("/v1/requests", plane.ada.request())) == (403, "act_of_another")


async def test_a_request_that_was_changed_after_signing(plane: Plane) -> None:
    act = plane.ada.request()
    other = plane.ada.request(rid=new_rid())
    head, _, signature = act.record.split(".")
    forged = msgspec.structs.replace(act, record=f"{head}.{other.record.split('.')[1]}.{signature}")
    assert code(await plane.ada.post("/v1/requests", forged)) == (422, "signature_invalid")


async def test_the_preview_is_kept_and_never_in_the_way(plane: Plane) -> None:
    assert isinstance((await plane.ada.submit(MARKETS)).decision, Automatic)
    assert isinstance((await plane.ada.submit(CUSTOMERS)).decision, NeedsApproval)
    denied = await plane.ada.submit("select id from ledger.entries")
    assert isinstance(denied.decision, Denied)
    assert denied.state is State.SUBMITTED  # the agent has the last word
    assert (await plane.ada.submit("select nonsense from")).decision is None
    assert (await plane.ada.submit(what=What(role="reporting"))).decision is None
    grant = What(grant=(column("enterprise", "markets", "id", "SELECT"),))
    assert isinstance((await plane.ada.submit(what=grant)).decision, Automatic)
    assert len(await plane.agent.claim()) == 6


async def test_a_summary_is_one_line(plane: Plane) -> None:
    view = await plane.ada.submit("select id\n  from enterprise.markets -- " + "x" * 400)
    assert view.summary.startswith("select id from enterprise.markets -- xxx")
    assert len(view.summary) == 200


# seeing


async def test_a_request_exists_for_who_asked_and_who_could_approve(plane: Plane) -> None:
    view = await pending(plane)
    path = f"/v1/requests/{view.rid}"
    assert (await plane.pat.view(view.rid)).reviewable
    missing = await plane.eve.get("/v1/requests/r-000000")
    for what in (path, path + "/events"):
        hidden = await plane.eve.get(what)
        assert code(hidden) == code(missing) == (404, "unknown_request")
        assert hidden.json()["error"]["message"].replace(view.rid, "r-000000") == missing.json()["error"]["message"]
    for act in ("approvals", "collect", "end"):
        sent = plane.eve.ending(view, "revoke")
        assert code(await plane.eve.post(f"{path}/{act}", sent)) == (404, "unknown_request")


async def test_lists(plane: Plane) -> None:
    waiting = await pending(plane)
    other = await plane.ada.submit(MARKETS)

    async def rids(who: Any, view: str) -> list[str]:
        return [each["rid"] for each in (await who.get("/v1/requests", view=view)).json()["requests"]]

    assert await rids(plane.ada, "mine") == [other.rid, waiting.rid]
    assert await rids(plane.pat, "mine") == []
    assert await rids(plane.pat, "to-review") == [waiting.rid]
    assert await rids(plane.pat, "all") == [waiting.rid]
    assert await rids(plane.ada, "to-review") == []
    assert await rids(plane.eve, "all") == []
    assert len((await plane.ada.get("/v1/requests", limit=1)).json()["requests"]) == 1


async def test_who_the_agents_rules_call_for_sees_it_too(plane: Plane) -> None:
    view = await plane.ada.submit(MARKETS)
    dba = plane.caller("dan", "dba")
    assert (await dba.get(f"/v1/requests/{view.rid}")).status_code == 404
    await plane.agent.admit(await plane.agent.the_job("admit"), by("dba"))
    assert (await dba.view(view.rid)).reviewable


async def test_waiting_for_an_event(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    held = asyncio.create_task(plane.ada.view(view.rid, wait=20, after=view.events[-1].seq))
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    assert (await held).state is State.PENDING
    at_once = await plane.ada.view(view.rid, wait=20, after=0)
    assert at_once.state is State.PENDING


# acting


async def test_nobody_approves_their_own(plane: Plane) -> None:
    plane.ada = plane.caller("ada", "analysts", "privacy")
    view = await pending(plane)
    assert not view.reviewable
    answer = await plane.ada.post(f"/v1/requests/{view.rid}/approvals", plane.ada.approval(view))
    assert code(answer) == (403, "own_request")


async def test_an_approval_names_the_admission_that_is_there(plane: Plane) -> None:
    view = await pending(plane)
    stale = msgspec.structs.replace(view, admission=plane.agent.sign(_other_admission(view)))
    path = f"/v1/requests/{view.rid}/approvals"
    assert code(await plane.pat.post(path, plane.pat.approval(stale))) == (409, "admission_changed")
    assert code(await plane.pat.post(path, plane.pat.approval(view, "deny", comment=" "))) == (422, "comment_required")
    assert code(await plane.pat.post(path, plane.pat.ending(view, "revoke"))) == (422, "record_type")


async def test_an_approval_before_the_agent_has_admitted(plane: Plane) -> None:
    view = await plane.ada.submit(CUSTOMERS)
    admitted = msgspec.structs.replace(view, admission=plane.agent.sign(_other_admission(view)))
    answer = await plane.pat.post(f"/v1/requests/{view.rid}/approvals", plane.pat.approval(admitted))
    assert code(answer) == (409, "not_admitted")


async def test_the_same_approval_twice_is_one_and_two_people_are_two(plane: Plane) -> None:
    view = await pending(plane)
    path = f"/v1/requests/{view.rid}/approvals"
    act = plane.pat.approval(view)
    for answer in await asyncio.gather(*(plane.pat.post(path, act) for _ in range(4))):
        assert answer.status_code == 200
    assert (await plane.quinn.post(path, plane.quinn.approval(view))).status_code == 200
    await plane.agent.answer(await plane.agent.the_job("approval"), "pending")
    await plane.agent.answer(await plane.agent.the_job("approval"), "approved")
    assert await plane.agent.claim() == []
    assert len((await plane.ada.view(view.rid)).approvals) == 2


async def test_collecting_what_is_not_approved_or_not_ones_own(plane: Plane) -> None:
    view = await pending(plane)
    path = f"/v1/requests/{view.rid}/collect"
    assert code(await plane.ada.post(path, plane.ada.collection(view))) == (409, "not_approved")
    assert code(await plane.pat.post(path, plane.pat.collection(view))) == (403, "not_yours")


async def test_collecting_again_while_it_is_on_its_way_makes_no_second_job(plane: Plane) -> None:
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), AUTOMATIC)
    approved = await plane.ada.view(view.rid)
    path = f"/v1/requests/{view.rid}/collect"
    for _ in range(2):
        assert read(await plane.ada.post(path, plane.ada.collection(approved))).state is State.PROVISIONING
    await plane.agent.provide(await plane.agent.the_job("collect"))
    assert read(await plane.ada.post(path, plane.ada.collection(approved))).credential is not None
    assert await plane.agent.claim() == []


async def test_only_who_asked_cancels(plane: Plane) -> None:
    view = await pending(plane)
    path = f"/v1/requests/{view.rid}/end"
    assert code(await plane.pat.post(path, plane.pat.ending(view, "cancel"))) == (403, "not_yours")
    assert (await plane.pat.post(path, plane.pat.ending(view, "revoke"))).status_code == 200


async def test_an_act_on_another_request(plane: Plane) -> None:
    one, other = await plane.ada.submit(), await plane.ada.submit()
    answer = await plane.ada.post(f"/v1/requests/{one.rid}/end", plane.ada.ending(other, "cancel"))
    assert code(answer) == (422, "act_request")


# an agent that does not behave


async def test_records_that_the_agent_did_not_sign_for_this_request_are_refused(plane: Plane) -> None:
    one, other = await plane.ada.submit(), await plane.ada.submit()
    jobs = {jws.record_hash(job.request.record): job for job in await plane.agent.claim()}
    mine, theirs = jobs[jws.record_hash(one.request)], jobs[jws.record_hash(other.request)]
    foreign = plane.agent.admission(theirs, AUTOMATIC)
    assert code(await plane.agent.answer(mine, "approved", foreign)) == (422, "agent_record")
    unsigned = plane.agent.admission(mine, AUTOMATIC).rpartition(".")[0] + "." + "A" * 86
    assert code(await plane.agent.answer(mine, "approved", unsigned)) == (422, "agent_record")
    assert code(await plane.agent.answer(mine, "approved", mine.request.record)) == (422, "agent_record")
    assert (await plane.ada.view(one.rid)).state is State.SUBMITTED


async def test_a_catalog_of_a_time_to_come_would_keep_out_later_ones(plane: Plane) -> None:
    ahead = await plane.agent.publish(at=int(plane.clock()) + 3600)
    assert code(ahead) == (422, "catalog_early")
    assert (await plane.agent.publish(at=int(plane.clock()) + 30)).status_code == 200


async def test_catalogs_are_shown_as_signed(plane: Plane) -> None:
    path = "/v1/databases/mydatabase/catalog"
    answer = await plane.ada.get(path)
    assert answer.headers["etag"] == '"v1"'
    assert msgspec.json.decode(answer.json()["catalog"])["version"] == "v1"
    again = await plane.ada.call("GET", path, None, If_None_Match='W/"v0", "v1"')
    assert (again.status_code, again.content) == (304, b"")
    newer = msgspec.structs.replace(CATALOG, version="v2")
    assert (await plane.agent.publish(newer)).status_code == 200
    assert (await plane.ada.call("GET", path, None, If_None_Match='"v1"')).status_code == 200
    assert code(await plane.ada.get("/v1/databases/nothing/catalog")) == (404, "unknown_database")


async def test_a_catalog_with_anything_wrong_in_it_is_not_taken(plane: Plane) -> None:
    chair = msgspec.structs.replace(CATALOG.relations[-1], kind="chair")
    wrong = msgspec.structs.replace(CATALOG, version="v2", relations=(*CATALOG.relations[:-1], chair))
    assert code(await plane.agent.publish(wrong)) == (422, "catalog_malformed")
    answer = await plane.ada.get("/v1/databases/mydatabase/catalog")
    assert msgspec.json.decode(answer.json()["catalog"])["version"] == "v1"


async def test_a_catalog_of_a_database_that_the_agent_does_not_serve(plane: Plane) -> None:
    other = msgspec.structs.replace(CATALOG, database="prod")
    assert code(await plane.agent.publish(other)) == (403, "database_not_configured")


async def test_databases_tell_whether_their_agent_is_there(plane: Plane) -> None:
    database, silent = (await plane.ada.get("/v1/databases")).json()["databases"]
    assert (database["name"], database["online"], database["catalog_version"]) == ("mydatabase", True, "v1")
    assert database["rules_match"] is False
    assert (silent["name"], silent["catalog_version"]) == ("silent", None)
    await plane.agent.announce(rules_sha256=sha256_b64u(RULES.encode()))
    assert (await plane.ada.get("/v1/databases")).json()["databases"][0]["rules_match"] is True
    plane.clock.ahead = 31
    assert (await plane.ada.get("/v1/databases")).json()["databases"][0]["online"] is False
    assert (await plane.ada.submit()).state is State.SUBMITTED  # taken in all the same


# explaining


async def test_a_draft_is_explained(plane: Plane) -> None:
    body = {"database": "mydatabase", "statements": [MARKETS, "select count(*) from enterprise.markets"]}
    explained = (await plane.ada.call("POST", "/v1/explain", body)).json()
    assert [each["ok"] for each in explained["statements"]] == ["yes", "yes"]
    assert explained["decision"]["verdict"] == "auto"
    assert explained["catalog_version"] == "v1"
    body["statements"] = ["select id from enterprise.marketz"]
    explained = (await plane.ada.call("POST", "/v1/explain", body)).json()
    assert (explained["statements"][0]["code"], explained["decision"]) == ("unknown_table", None)
    assert "markets" in explained["statements"][0]["hint"]


async def test_the_same_draft_by_somebody_else_is_routed_for_them(plane: Plane) -> None:
    body = {"database": "mydatabase", "statements": [MARKETS]}
    explained = (await plane.eve.call("POST", "/v1/explain", body)).json()
    assert explained["decision"]["verdict"] == "deny"


async def test_there_is_nothing_to_explain_before_a_catalog_is_there(plane: Plane) -> None:
    body = {"database": "silent", "statements": [MARKETS]}
    assert code(await plane.ada.call("POST", "/v1/explain", body)) == (503, "catalog_missing")
    assert (await plane.ada.submit(database="silent")).decision is None


def _other_admission(view: RequestView) -> Admission:
    return Admission(
        rh=jws.record_hash(view.request),
        subject=Subject(iss="i", sub="s", email=None),
        groups=(),
        permissions=(),
        reached=(),
        objects=(),
        rules=AdmissionRules(sha256="r" * 43, decision=AUTOMATIC),
        warnings=(),
        iat=1,
        exp=2,
    )
