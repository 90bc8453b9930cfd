"""A server asks for the sign-in that an act needs before it takes the act in, and says how strong it must be."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fix_plane import RULES, Caller, Plane, code
from fix_scripted_agent import PERMISSIONS
from p0_access.messages.identity import Identity
from p0_access.proof import commitment
from p0_access.routing.decision import Approvers, NeedsApproval, Requirement, StepUp
from p0_server.config import Settings

KEY = StepUp(amr=("hwk",))
DEMANDING = RULES.replace("approval: {auto: true}", "approval: {auto: true, step_up: {amr: [hwk]}}", 1)
DECISION = NeedsApproval(
    ttl=1800,
    requirements=(
        Requirement(
            rule="pii", approvers=Approvers(groups=("privacy",)), count=1, permissions=PERMISSIONS, step_up=KEY
        ),
    ),
    trace=(),
)
PASTE_CLIENT = "p0-paste"


class PastingPlane(Plane):
    """One whose issuer has a client for pasting, and whose rules demand a sign-in for what is automatic."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.directory / "rules.yaml").write_text(DEMANDING)

    @property
    def settings(self) -> Settings:
        (issuer,) = super().settings.issuers
        trusted = msgspec.structs.replace(issuer, paste_client_ids=(PASTE_CLIENT,))
        return msgspec.structs.replace(super().settings, issuers=(trusted,))


@pytest.fixture
async def demanding(tmp_path: Path) -> AsyncIterator[Plane]:
    found = PastingPlane(directory=tmp_path)
    async with found.running():
        assert (await found.agent.announce()).status_code == 200
        assert (await found.agent.publish()).status_code == 200
        yield found


async def test_a_request_is_asked_for_its_sign_in_and_taken_with_it(demanding: Plane) -> None:
    ada = demanding.ada
    act = ada.request()
    answer = await ada.post("/v1/requests", act)
    assert code(answer) == (422, "step_up_required")
    assert answer.json()["error"]["step_up"] == [{"amr": ["hwk"]}]
    weak = ada.person.stepping_up(act, amr=["pwd"])
    assert code(await ada.post("/v1/requests", weak)) == (422, "step_up_amr")
    assert (await ada.get("/v1/requests")).json()["requests"] == []
    assert (await ada.post("/v1/requests", ada.person.stepping_up(act, amr=["hwk"]))).status_code == 201


async def test_a_sign_in_for_another_request_is_not_taken(demanding: Plane) -> None:
    ada = demanding.ada
    one, other = ada.request(), ada.request()
    moved = msgspec.structs.replace(other, identity=ada.person.stepping_up(one, amr=["hwk"]).identity)
    assert code(await ada.post("/v1/requests", moved)) == (422, "step_up_nonce")


async def pending(plane: Plane) -> tuple[str, Caller]:
    act = plane.ada.request("select email from enterprise.customers")
    submitted = await plane.ada.post("/v1/requests", act)
    assert submitted.status_code == 201, submitted.text
    await plane.agent.admit(await plane.agent.the_job("admit"), DECISION)
    return str(submitted.json()["rid"]), plane.pat


async def test_an_approval_is_asked_for_its_sign_in_and_a_denial_never(demanding: Plane) -> None:
    rid, pat = await pending(demanding)
    view = await pat.view(rid)
    act = pat.approval(view, permissions=PERMISSIONS)
    answer = await pat.post(f"/v1/requests/{rid}/approvals", act)
    assert code(answer) == (422, "step_up_required")
    assert answer.json()["error"]["step_up"] == [{"amr": ["hwk"]}]
    assert await demanding.agent.claim() == []
    waiting = asyncio.create_task(
        pat.post(f"/v1/requests/{rid}/approvals", pat.person.stepping_up(act, amr=["hwk"]), wait=5)
    )
    job = await demanding.agent.the_job("approval")
    assert job.act is not None
    assert job.act.identity.step_up is not None
    waiting.cancel()
    denial = await demanding.quinn.post(f"/v1/requests/{rid}/approvals", demanding.quinn.approval(view, "deny"))
    assert denial.is_success, denial.text


async def test_who_pasted_their_sign_in_does_not_approve(demanding: Plane) -> None:
    rid, pat = await pending(demanding)
    person = pat.person
    person.bind = commitment.make_bind(person.key.public, secrets.token_bytes)
    person.id_token = person.token(nonce=commitment.nonce(person.bind), aud=PASTE_CLIENT)
    assert person.identity == Identity(bind=person.bind, id_token=person.id_token)
    view = await pat.view(rid)
    for decision in ("approve", "deny"):
        act = pat.approval(view, decision)
        assert code(await pat.post(f"/v1/requests/{rid}/approvals", act)) == (403, "pasted_session")
