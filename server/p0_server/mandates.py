"""Taking in what stands for a while: allowances and delegations. Whether one counts is the agent's decision.

They are kept like requests, and end by themselves, or when who signed them withdraws them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Allow, Delegation
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.current import CurrentRules
from p0_access.routing.durations import spell_duration
from p0_server.auth import Authenticator
from p0_server.config import Settings
from p0_server.errors import NotFoundError, UnprocessableError
from p0_server.requests import Requests
from p0_server.stepping_up import demand_of_mandate
from p0_server.store.protocol import Store
from p0_server.store.records import NewEvent, NewJob, RidTakenError, StandIn, StoredRequest
from p0_server.visibility import named_key, viewer

MAX_OPEN: Final = 200
NAMED: Final = 3
"""Permissions of an allowance that a list names."""

EVERY_DATABASE: Final = "*"
"""What is shown as the database of a delegation."""

_TYPES: Final[dict[str, type[Allow | Delegation]]] = {Allow.TYP: Allow, Delegation.TYP: Delegation}


class Mandates:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        authenticator: Authenticator,
        requests: Requests,
        rules: CurrentRules,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._agents = {f"p0-agent:{agent.thumbprint}": agent.thumbprint for agent in settings.agents}
        self._store = store
        self._authenticator = authenticator
        self._requests = requests
        self._rules = rules
        self._clock = clock
        self._random = random

    async def submit(self, person: VerifiedIdentity, signed: SignedAct, *, wait: int) -> tuple[RequestView, bool]:
        """The mandate, and whether it is new. Held for at most `wait` seconds until the agent has answered."""
        type_ = _TYPES.get(jws.unverified_type(signed.record))
        if type_ is None:
            raise UnprocessableError("this is neither an allowance nor a delegation", code="record_type")
        agent = self._agents.get(jws.unverified_record(signed.record, type_).aud)
        if agent is None:
            raise NotFoundError("this server does not know the agent that it is for", code="unknown_agent")
        found = await self._authenticator.act(person, signed, type_, agent=agent)
        rid = found.record.rid
        known = await self._store.request(rid)
        if known is None or known.rh != found.hash:  # what is wrong with it is said first: ids are nobody else's to try
            await self._create(person, signed, found, agent)
        view = await self._requests.view(
            person, rid, until=lambda stored: stored.state is not State.SUBMITTED, wait=wait
        )
        return view, known is None

    async def _create(
        self, person: VerifiedIdentity, signed: SignedAct, found: jws.Verified[Allow | Delegation], agent: str
    ) -> None:
        act, now = found.record, int(self._clock())
        signer = await self._authenticator.identity(signed.identity)
        demand_of_mandate(self._rules.rules.defaults, act, signer)
        stored = StoredRequest(
            rid=act.rid,
            rh=found.hash,
            kind="allow" if isinstance(act, Allow) else "delegation",
            agent=agent,
            database=act.database if isinstance(act, Allow) else EVERY_DATABASE,
            state=State.SUBMITTED,
            iss=person.subject.iss,
            sub=person.subject.sub,
            email=person.subject.email,
            reason=act.comment,
            summary=_headline(act),
            created=now,
            updated=now,
            exp=act.exp,
            ttl=act.ttl if isinstance(act, Allow) else None,
            record=found.compact,
            identity=signed.identity,
        )
        event = NewEvent(at=now, type="submitted", state=State.SUBMITTED, actor=person.name, data={"kind": stored.kind})
        job = NewJob(
            job=b64u(self._random(16)),
            agent=agent,
            kind="mandate",
            act_hash=found.hash,
            act=None,
            actor=person.name,
            created=now,
        )
        named = named_key(act.subject if isinstance(act, Allow) else act.to)
        stand_ins = () if isinstance(act, Allow) else _stand_ins(person, act, named)
        try:
            await self._store.create(
                stored, event, job, reviewers=frozenset({named}), open_limit=MAX_OPEN, stand_ins=stand_ins
            )
        except RidTakenError:
            known = await self._store.request(act.rid)
            if known is None or known.rh != found.hash:  # else the same call came twice at once
                raise


def _stand_ins(person: VerifiedIdentity, act: Delegation, key: str) -> tuple[StandIn, ...]:
    """What the absent person may review, the other sees."""
    keys = viewer(person).keys
    if act.groups is not None:
        keys &= {f"group-of {person.subject.iss} {group}" for group in act.groups}
    return tuple(StandIn(key=key, as_key=each, until=act.exp) for each in sorted(keys))


def _headline(act: Allow | Delegation) -> str:
    if isinstance(act, Delegation):
        return f"{act.to} stands in" + ("" if act.groups is None else f" as one of {', '.join(act.groups)}")
    carrying = [str(each) for each in act.permissions if not each.implied] or [str(each) for each in act.permissions]
    extra = f" and {len(carrying) - NAMED} more" if len(carrying) > NAMED else ""
    often = "once" if act.uses == 1 else f"{act.uses} times"
    return f"{act.subject} may {often}, for {spell_duration(act.ttl)}: {', '.join(carrying[:NAMED])}{extra}"
