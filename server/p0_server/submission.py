"""A draft explained, and a request taken in. What a server can check is checked; what happens is the agent's decision.

The preview goes into the request for reviewers to find it, and is never in the way: a request whose preview fails, or
says no, is handed to the agent all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Request, What
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.current import CurrentRules
from p0_server import views
from p0_server.auth import Authenticator
from p0_server.config import AgentSettings
from p0_server.databases import Databases
from p0_server.errors import ServerError, UnprocessableError
from p0_server.preview.draft import Draft, Preview
from p0_server.preview.previewer import Previewer
from p0_server.requests import Requests
from p0_server.stepping_up import demand_of_request
from p0_server.store.protocol import Store
from p0_server.store.records import NewEvent, NewJob, RidTakenError, StoredCatalog, StoredRequest
from p0_server.visibility import ending_keys, reviewer_keys

MAX_OPEN: Final = 200
"""Requests that one person may have waiting for a decision."""


class Submission:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        previewer: Previewer,
        databases: Databases,
        requests: Requests,
        rules: CurrentRules,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._previewer = previewer
        self._databases = databases
        self._requests = requests
        self._rules = rules
        self._clock = clock
        self._random = random

    async def explain(
        self,
        person: VerifiedIdentity,
        database: str,
        what: What,
        *,
        ttl: int | None,
        reason: str,
        break_glass: bool = False,
    ) -> tuple[Preview, StoredCatalog]:
        """What would be read and decided, and over which catalog."""
        catalog = await self._databases.readable(person, database)
        draft = Draft(
            what=what,
            requestor=person.requestor,
            ttl=ttl,
            reason=reason,
            break_glass=break_glass,
            at=self._now(),
        )
        return await self._previewer.preview(draft, catalog), catalog

    async def submit(self, person: VerifiedIdentity, signed: SignedAct, *, wait: int) -> tuple[RequestView, bool]:
        """The request, and whether it is new. Held for at most `wait` seconds until the agent has answered."""
        agent = self._databases.agent(person, jws.unverified_record(signed.record, Request).database)
        request = await self._authenticator.act(person, signed, Request, agent=agent.thumbprint)
        rid = request.record.rid
        known = await self._store.request(rid)
        if (
            known is None or known.rh != request.hash
        ):  # what is wrong with it is said first: ids are nobody else's to try
            await self._create(person, signed, request, agent)
        view = await self._requests.view(
            person, rid, until=lambda stored: stored.state is not State.SUBMITTED, wait=wait
        )
        return view, known is None

    async def _create(
        self, person: VerifiedIdentity, signed: SignedAct, request: jws.Verified[Request], agent: AgentSettings
    ) -> None:
        act, now = request.record, self._now()
        preview = await self._preview(person, act)
        if preview.reason_problem is not None:
            raise UnprocessableError(
                preview.reason_problem, code="reason_required", hint='Say why: --reason "OPS-123, generating reports"'
            )
        demand_of_request(preview.decision, await self._authenticator.identity(signed.identity))
        stored = StoredRequest(
            rid=act.rid,
            rh=request.hash,
            agent=agent.thumbprint,
            database=act.database,
            state=State.SUBMITTED,
            iss=person.subject.iss,
            sub=person.subject.sub,
            email=person.subject.email,
            reason=act.reason,
            summary=views.headline(act.what),
            created=now,
            updated=now,
            exp=act.exp,
            ttl=act.ttl,
            record=request.compact,
            identity=signed.identity,
            decision=preview.decision,
        )
        data = {"database": act.database, "kind": act.what.kind, "reason": act.reason, "ttl": act.ttl}
        event = NewEvent(at=now, type="submitted", state=State.SUBMITTED, actor=person.name, data=data)
        job = NewJob(
            job=b64u(self._random(16)),
            agent=agent.thumbprint,
            kind="admit",
            act_hash=request.hash,
            act=None,
            actor=person.name,
            created=now,
        )
        try:
            iss = person.subject.iss
            keys = reviewer_keys(preview.decision, iss) | ending_keys(self._rules.rules.defaults.revoke, iss)
            await self._store.create(stored, event, job, reviewers=keys, open_limit=MAX_OPEN)
        except RidTakenError:
            known = await self._store.request(act.rid)
            if known is None or known.rh != request.hash:  # else the same call came twice at once
                raise

    async def _preview(self, person: VerifiedIdentity, act: Request) -> Preview:
        draft = Draft(
            what=act.what,
            requestor=person.requestor,
            ttl=act.ttl,
            reason=act.reason,
            break_glass=act.break_glass,
            at=self._now(),
        )
        try:
            return await self._previewer.preview(draft, await self._databases.readable(person, act.database))
        except ServerError:
            return Preview(rules_sha256=self._rules.rules.sha256)

    def _now(self) -> int:
        return int(self._clock())
