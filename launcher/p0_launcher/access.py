"""From a sealed credential to an access: what a requestor verifies before a password is used.

1  the agent's key is pinned in the profile, and is the one that the request was signed for
2  the credential is signed by that key
3  it answers this very request, and has not ended
4  it opens with the key made for this request, for this agent
5  it leads to the database that was asked for, over TLS unless it stays on this machine
6  the agent's evidence is the same as before, and has not gone back
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Literal

import msgspec

from p0_access.encoding import b64u_decode, encode, sha256_b64u
from p0_access.messages.records import Credential, CredentialPlaintext, What
from p0_access.messages.views import AgentView, RequestView
from p0_access.proof import jws
from p0_access.proof.keys import PublicKey
from p0_access.proof.sealing import OpeningKey
from p0_access.secret import Secret
from p0_launcher.acts import audience
from p0_launcher.errors import ConfigurationError, UnverifiedError
from p0_launcher.network import is_loopback
from p0_launcher.wallet import Awaited, Held, Seen

_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}\Z")
"""One host name or address: a comma would name several to libpq, a slash a socket's directory."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A login that works until `not_after` (seconds since the epoch), and the request that gave it.

    `files` tells which of its statements came from files: psql runs those command by command, the others each as one.
    """

    rid: str
    rh: str
    agent: str
    database: str
    one_shot: bool
    files: tuple[bool, ...]
    host: str
    port: int
    user: str
    password: Secret
    sslmode: Literal["verify-full", "disable"]
    channel_binding: Literal["require", "prefer", "disable"]
    sslrootcert: str | None
    not_after: int

    @classmethod
    def of(cls, held: Held) -> Access:
        login = held.credential
        return cls(
            rid=held.rid,
            rh=held.rh,
            agent=held.agent,
            database=held.database,
            one_shot=held.one_shot,
            files=held.files,
            host=login.host,
            port=login.port,
            user=login.user,
            password=Secret(login.password),
            sslmode=login.sslmode,
            channel_binding=login.channel_binding,
            sslrootcert=login.sslrootcert,
            not_after=login.not_after,
        )


def reuse_key(database: str, what: What) -> str:
    """The same for requests for exactly the same thing: an access given for one serves the others."""
    return sha256_b64u(encode((database, what)))


def pinned_key(agent: AgentView, pins: Collection[str]) -> PublicKey:
    """The agent's key, if the profile trusts it: the server only says which of the pinned keys it is."""
    if agent.jwk.thumbprint != agent.thumbprint or agent.thumbprint not in pins:
        raise unpinned(agent.thumbprint)
    return agent.jwk


def unpinned(thumbprint: str) -> ConfigurationError:
    return ConfigurationError(
        f"the agent {thumbprint} is not trusted by this profile",
        code="agent_unpinned",
        hint=f"Compare it with what your administrators published, then: p0 login --agent {thumbprint}",
    )


def open_credential(
    view: RequestView, awaited: Awaited, *, one_shot: bool, pins: Collection[str], now: int, seen: Seen | None = None
) -> Held:
    """Steps 1 to 6 above; raises what is wrong, and then nothing of the credential may be used. `seen` is how far the
    agent's evidence had come by an earlier credential."""
    key = pinned_key(view.agent, pins)
    if key.thumbprint != awaited.agent:
        raise UnverifiedError("another agent answers than the one that was asked", code="credential_agent")
    if view.credential is None:
        raise UnverifiedError("the server says active, but has no credential", code="credential_missing")
    verified = jws.verify(view.credential, Credential, key)
    credential = verified.record
    if (credential.rid, credential.rh) != (awaited.rid, awaited.rh):
        raise UnverifiedError("the credential is for another request", code="credential_request")
    if credential.exp <= now:
        raise UnverifiedError("the credential has ended already; check this machine's clock", code="credential_ended")
    login = OpeningKey(b64u_decode(awaited.opening)).open(credential.ct, rh=awaited.rh, aud=audience(awaited.agent))
    _check_target(login, awaited.database)
    if seen is not None:
        _check_evidence(credential, seen, awaited.agent)
    return Held(
        rid=awaited.rid,
        rh=awaited.rh,
        key=awaited.key,
        agent=awaited.agent,
        database=awaited.database,
        one_shot=one_shot,
        files=awaited.files,
        credential=login,
        seen=Seen(head=credential.log, at=credential.iat),
    )


def _check_evidence(credential: Credential, seen: Seen, agent: str) -> None:
    """Credentials may be opened in another order than they were made in; later ones have seen as much or more."""
    same = credential.log.n == seen.head.n and credential.log.h != seen.head.h
    if same or (credential.log.n < seen.head.n and credential.iat > seen.at):
        raise UnverifiedError(
            f"the agent's evidence was at entry {seen.head.n} and is not any more: somebody has written it anew",
            code="evidence_fork",
            hint=f"Tell your administrators. If they restored its database: p0 audit forget {agent}",
        )


def _check_target(login: CredentialPlaintext, database: str) -> None:
    if login.dbname != database:
        raise UnverifiedError("the credential leads to another database", code="credential_database")
    if not _HOST.match(login.host):
        raise UnverifiedError("the credential names no single host", code="credential_host")
    if login.sslmode != "verify-full" and not is_loopback(login.host):
        raise UnverifiedError(
            f"the credential would send the login to {login.host} without TLS",
            code="credential_insecure",
            hint="The agent's configuration says sslmode = disable for a host that is not this machine",
        )
