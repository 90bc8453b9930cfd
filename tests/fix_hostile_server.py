"""A server that is somebody's enemy: it holds every token, message and row that a real one would, and a key of its own.

It has no key of a person or of the agent. What it does with what it holds are `Attack`s, which
`tests/integration/hostile_server` runs and `docs/security.md` lists.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import msgspec

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_people import Issuer, Person
from p0_access.encoding import b64u, b64u_decode
from p0_access.errors import P0Error
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.messages.records import Refusal, What
from p0_access.permissions.permission import Permission, canonical, connect, usage
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey
from p0_agent.notice import NoticeChannel

OTHER_ISSUER = "https://ci.example"
Where = Literal["agent", "launcher"]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is tried, and how it is refused: by the agent at a step of its order, or by a launcher (step None)."""

    name: str
    step: int | None
    code: str
    run: Callable[[Any], Awaitable[object]]


class Scene(Protocol):
    """Where an attack is made: a `Hostile`, or more around one."""

    @property
    def bench(self) -> Bench: ...


class Theme:
    """Attacks of one kind, in the order in which they are listed."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.attacks: list[Attack] = []

    def attack(self, name: str, step: int | None, code: str) -> Callable[[Any], Any]:
        """Registers a coroutine function that makes the attack: what the agent answers is its result, what a launcher
        finds wrong it raises."""

        def register(run: Callable[[Any], Awaitable[object]]) -> Callable[[Any], Awaitable[object]]:
            self.attacks.append(Attack(name=name, step=step, code=code, run=run))
            return run

        return register


class Issuers:
    """Several identity providers as one `KeySource`."""

    def __init__(self, *issuers: Issuer) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        return await self._issuers[issuer.issuer].keys(issuer, unverified_tokens)


@dataclass(kw_only=True)
class Hostile:
    """The server, and the people whose messages pass through it. Each attack makes its own requests."""

    bench: Bench
    key: SigningKey = field(default_factory=lambda: SigningKey(b"\x66" * 32))
    elsewhere: Issuer = field(default_factory=lambda: Issuer(url=OTHER_ISSUER, domain="ci.example"))

    def __post_init__(self) -> None:
        issuers = {each.url: each.trusted for each in (self.bench.issuer, self.elsewhere)}
        self.bench.context = replace(
            self.bench.context, issuers=issuers, key_source=Issuers(self.bench.issuer, self.elsewhere)
        )
        self._context, self._now = self.bench.context, self.bench.clock.now
        self.reset()

    def reset(self) -> None:
        """Time and context as they were at first, and everybody signed in anew."""
        self.bench.clock.now, self.bench.context = self._now, self._context
        self.dana = self.bench.person("dana", "analysts")
        self.pat = self.bench.person("pat", "privacy")
        self.eve = self.bench.person("eve", "analysts")

    @property
    def agent(self) -> str:
        return self.bench.context.key.public.thumbprint

    def with_notices(self, channel: NoticeChannel) -> None:
        """The agent's own channel, which the server has no part in."""
        self.bench.context = replace(self.bench.context, notices=channel)

    def granting(self, *permissions: Permission) -> What:
        """Permissions by name."""
        implied = (connect(self.bench.managed.database), usage("enterprise"))
        return What(grant=canonical((*implied, *permissions)))

    def later(self, seconds: int) -> None:
        self.bench.clock.now += seconds

    def asked(self, sql: str = MARKETS, **changes: Any) -> SignedAct:
        """What dana signed."""
        return self.bench.ask(self.dana, sql, **changes)[0]

    async def admitted(self, sql: str = EMAILS) -> tuple[SignedAct, Result]:
        """A request of dana's that waits for an approval."""
        request = self.asked(sql)
        result = await self.bench.admit(request)
        assert result.outcome == "pending", result
        return request, result

    async def approved(self) -> tuple[SignedAct, Result]:
        request, result = await self.admitted()
        assert (await self.bench.approve(request, result, self.pat)).outcome == "approved"
        return request, result

    async def active(self) -> tuple[SignedAct, Result, OpeningKey]:
        """A request of dana's with a login, and the key that dana alone has."""
        request, opening = self.bench.ask(self.dana, MARKETS)
        result = await self.bench.admit(request)
        assert result.outcome == "active", result
        return request, result, opening

    async def stop(self) -> None:
        """Ends what is live, and what stands."""
        context = self.bench.context
        standing = (
            *await context.cluster.mandates.allowances(self.bench.managed.database, context.now()),
            *await context.cluster.mandates.delegations(context.now()),
        )
        for each in standing:
            await context.cluster.mandates.withdraw(each.h, context.now())
        for entry in await self.bench.context.cluster.ledger.live():
            await self.bench.do("end", SignedAct(record=entry.request, identity=self.dana.identity))

    # What it can do to a message.

    def tampered(self, act: SignedAct, **changes: Any) -> SignedAct:
        """Other claims under the same signature."""
        return self.rewritten(act, json.dumps(self.claims(act) | changes).encode())

    def claims(self, act: SignedAct) -> dict[str, Any]:
        claims: dict[str, Any] = json.loads(b64u_decode(act.record.split(".")[1]))
        return claims

    def rewritten(self, act: SignedAct, payload: bytes, *, header: dict[str, Any] | None = None) -> SignedAct:
        """Any payload and header, under the same signature."""
        first, _, signature = act.record.split(".")
        if header is not None:
            first = b64u(json.dumps(header).encode())
        return SignedAct(record=f"{first}.{b64u(payload)}.{signature}", identity=act.identity)

    def signed_anew(self, act: SignedAct, *, kid: str | None = None, **changes: Any) -> SignedAct:
        """Any claims under the server's own key, which may call itself by another's name."""
        return self._signed(act, self.key, kid or self.key.public.thumbprint, changes)

    def signed_by(self, person: Person, act: SignedAct, **changes: Any) -> SignedAct:
        """Any claims, by somebody who is of one mind with the server."""
        return self._signed(act, person.key, person.key.public.thumbprint, changes)

    def _signed(self, act: SignedAct, key: SigningKey, kid: str, changes: dict[str, Any]) -> SignedAct:
        header = json.loads(b64u_decode(act.record.split(".")[0])) | {"kid": kid}
        signing_input = ".".join(b64u(json.dumps(part).encode()) for part in (header, self.claims(act) | changes))
        record = f"{signing_input}.{b64u(key.sign(signing_input.encode()))}"
        return SignedAct(record=record, identity=act.identity)

    def beside(self, act: SignedAct, **changes: str | None) -> SignedAct:
        """The same record beside other tokens."""
        return SignedAct(record=act.record, identity=msgspec.structs.replace(act.identity, **changes))

    def own_bind(self) -> str:
        return commitment.make_bind(self.key.public, secrets.token_bytes)

    def second_account(self, name: str, email: str) -> Person:
        """Another subject at the same provider, with somebody's address."""
        person = self.bench.person(name, "privacy")
        person.id_token = person.token(nonce=commitment.nonce(person.bind), email=email)
        return person

    def account(self, name: str, *groups: str) -> Person:
        """An account at the second identity provider."""
        return Person(name=name, groups=groups, issuer=self.elsewhere, clock=self.bench.clock)


async def refused(attack: Attack, scene: Scene) -> tuple[int | None, str]:
    """How the attack ends: the step and code of the refusal. Fails where there is none, or it is not signed."""
    try:
        result = await attack.run(scene)
    except P0Error as error:
        return None, error.code
    assert isinstance(result, Result), f"{attack.name}: got through"
    assert result.outcome == "refused", f"{attack.name}: {result.outcome}"
    refusal = jws.verify(result.records[0], Refusal, scene.bench.context.key.public).record
    assert refusal.code == result.code
    return refusal.step, refusal.code
