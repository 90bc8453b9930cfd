"""A sign-in, from a new session key to a verified session.

1  a session key is made, and committed to: in the nonce, or (of a workload) in the audience
2  the browser goes to the provider and back, or the platform gives the workload a token
3  the ID token is verified with the issuer's own keys, and its commitment against the key
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from p0_access.encoding import b64u
from p0_access.messages.identity import Identity
from p0_access.proof import commitment
from p0_access.proof.identity import MAX_PASTED_SESSION
from p0_access.proof.keys import SigningKey
from p0_launcher.errors import UsageError
from p0_launcher.login.authorization import SIGN_IN_SECONDS, Pasting, ShowUrl, Way, authorized, by_browser
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.login.workload import identity_token
from p0_launcher.profile import Profile
from p0_launcher.wallet import StoredSession


async def sign_in(
    profile: Profile,
    provider: IdentityProvider,
    *,
    show_url: ShowUrl,
    random: Callable[[int], bytes],
    port: int = 0,
    patience: float = SIGN_IN_SECONDS,
) -> StoredSession:
    """In the browser. `show_url(url, port)` brings it to `url`, and must not block; `port` 0 is any free one."""
    state = b64u(random(32))
    way = by_browser(state, show_url, port=port, patience=patience)
    return await _person(profile, provider, way, state, profile.client_id, commitment.DEFAULT_MAX_AGE, random)


async def sign_in_by_pasting(
    profile: Profile,
    provider: IdentityProvider,
    *,
    ask: Callable[[str], Awaitable[str]],
    random: Callable[[int], bytes],
) -> StoredSession:
    """Without a browser on this machine: `ask(url)` shows the URL and gives the one at which the browser ended. By the
    client that is for this alone; the session is short, and decides nothing about others."""
    if profile.paste_client_id is None:
        raise UsageError(
            "the profile has no client for pasting", code="paste_unavailable", hint="Forward a port: p0 login --help"
        )
    state = b64u(random(32))
    way = nullcontext[Way](Pasting(state, ask))
    return await _person(profile, provider, way, state, profile.paste_client_id, MAX_PASTED_SESSION, random)


async def sign_in_as_workload(
    provider: IdentityProvider, *, source: str, random: Callable[[int], bytes]
) -> StoredSession:
    """With a token of the platform that this runs on; `source` as in `p0_launcher.login.workload`."""
    key = SigningKey.generate(random)
    bind = commitment.make_bind(key.public, random)
    token = await identity_token(source, commitment.workload_audience(bind))
    return await _session(provider, key, bind, token, client_id=commitment.WORKLOAD_AUDIENCE, source=source)


async def _person(
    profile: Profile,
    provider: IdentityProvider,
    opening: AbstractAsyncContextManager[Way],
    state: str,
    client_id: str,
    max_age: int,
    random: Callable[[int], bytes],
) -> StoredSession:
    key = SigningKey.generate(random)
    bind = commitment.make_bind(key.public, random, max_age=max_age)
    await provider.metadata()  # who does not answer is told before anybody is sent there
    async with opening as way:
        tokens = await authorized(
            profile,
            provider,
            way,
            client_id=client_id,
            nonce=commitment.nonce(bind),
            state=state,
            random=random,
            wishes={"prompt": profile.prompt},
        )
    return await _session(provider, key, bind, tokens.id_token, client_id=client_id, refresh_token=tokens.refresh_token)


async def _session(
    provider: IdentityProvider,
    key: SigningKey,
    bind: str,
    id_token: str,
    *,
    client_id: str,
    refresh_token: str | None = None,
    source: str | None = None,
) -> StoredSession:
    who = await provider.verify(Identity(bind=bind, id_token=id_token), workload=source is not None)
    return StoredSession(
        issuer=who.subject.iss,
        client_id=client_id,
        subject=who.subject,
        groups=who.groups,
        seed=b64u(key.seed()),
        bind=bind,
        id_token=id_token,
        expires=who.current_until,
        until=who.session_until,
        refresh_token=refresh_token,
        source=source,
    )
