"""An allowance is signed a second time only where the agent, by its signed word on that very one, took it not."""

from __future__ import annotations

import secrets

import httpx
import msgspec
import pytest

from fix_launcher import DATABASE, NO_SIGN_IN, PERMISSIONS, SERVER, Machine, Peer
from p0_access.encoding import decode, encode
from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Named
from p0_access.messages.records import Refusal, What
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_launcher.api import Api
from p0_launcher.connection import Connection
from p0_launcher.errors import StepUpRequiredError
from p0_launcher.intent import Intent
from p0_launcher.mandates import Allowance, allow
from p0_launcher.profile import Profile

SAM = Named(iss="https://id.example", sub="sam", email=None)
ALLOWANCE = Allowance(
    person=SAM, database=DATABASE, permissions=PERMISSIONS, kinds=("grant",), uses=1, ttl=600, lifetime=3600
)


class Server:
    """Answers to mandates with the agent's no, perhaps to another request, perhaps after an error of its own; to all
    else as `peer` does."""

    def __init__(self, peer: Peer, shown: RequestView) -> None:
        self.peer = peer
        self.shown = shown
        self.about_another = False
        self.by_error = False
        self.signed: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/mandates":
            return await self.peer.transport.handle_async_request(request)
        act = decode(request.content, SignedAct)
        self.signed.append(act.record)
        if self.by_error and act.identity.step_up is None:
            said = {"error": {"code": "step_up_required", "message": "a sign-in", "hint": None}}
            return httpx.Response(422, content=encode(said))
        step, code, message = NO_SIGN_IN
        record = self.shown.request if self.about_another else act.record
        rh = jws.record_hash(record)
        refusal = jws.sign(
            Refusal(rh=rh, at=int(self.peer.clock()), step=step, code=code, message=message), self.peer.agent
        )
        view = msgspec.structs.replace(
            self.shown, request=record, state=State.REFUSED, code=code, refusal=refusal, message=message
        )
        return httpx.Response(201, content=encode(view))


@pytest.fixture
async def server(dana: Machine, peer: Peer) -> Server:
    view = await (await dana.workflow()).submit(
        Intent(database=DATABASE, what=What(grant=PERMISSIONS), reason="because")
    )
    return Server(peer, peer.views[view.rid])


async def allowed(dana: Machine, server: Server) -> RequestView:
    session = await dana.session()
    transport = httpx.MockTransport(server)
    api = Api(SERVER, session, clock=dana.clock, random=secrets.token_bytes, transport=transport)

    workflow = await dana.workflow()
    profile = Profile(
        name="default", path=dana.directory / "config.toml", server=SERVER, issuer=dana.person.issuer.url,
        client_id="p0", agents=dana.pins, storage="file", scopes=None, prompt=None, algorithms=("EdDSA",),
    )  # fmt: skip
    async with api:
        return await allow(
            Connection(profile=profile, wallet=dana.wallet, session=session, api=api, workflow=workflow), ALLOWANCE
        )


async def test_the_agents_no_has_another_signed(dana: Machine, server: Server) -> None:
    with pytest.raises(StepUpRequiredError):
        await allowed(dana, server)
    assert len(set(server.signed)) == 2


async def test_a_server_that_says_so_itself_gets_the_same_again(dana: Machine, server: Server) -> None:
    server.by_error, server.about_another = True, True
    await allowed(dana, server)
    assert (len(server.signed), len(set(server.signed))) == (2, 1)


async def test_the_agents_no_to_another_is_none(dana: Machine, server: Server) -> None:
    server.about_another = True
    await allowed(dana, server)
    assert len(server.signed) == 1
    assert dana.signed_in_for == []
