"""One sign-in, from a new session key to a verified session (RFC 6749 with RFC 7636, RFC 8252 and RFC 9207).

1  a session key is made, and committed to in the nonce
2  the browser goes to the provider, and comes back to a loopback port with this sign-in's `state` and issuer
3  the code is exchanged with the PKCE verifier
4  the ID token is verified with the issuer's own keys, and its nonce against the commitment
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from p0_access.encoding import b64u, sha256_b64u
from p0_access.messages.identity import Identity
from p0_access.proof import commitment
from p0_access.proof.keys import SigningKey
from p0_launcher.errors import NotSignedInError, UnverifiedError
from p0_launcher.login.callback import listening
from p0_launcher.login.provider import IdentityProvider, Metadata
from p0_launcher.profile import Profile
from p0_launcher.wallet import StoredSession

WISHED_SCOPES: Final = ("openid", "email", "profile", "groups", "offline_access")
"""Asked for as far as the provider says that it knows them."""

SIGN_IN_SECONDS: Final = 300.0


async def sign_in(
    profile: Profile,
    provider: IdentityProvider,
    *,
    show_url: Callable[[str, int], None],
    random: Callable[[int], bytes],
    port: int = 0,
    patience: float = SIGN_IN_SECONDS,
) -> StoredSession:
    """`show_url(url, port)` brings the person's browser to `url`, and must not block; `port` 0 is any free one."""
    key = SigningKey.generate(random)
    bind = commitment.make_bind(key.public, random)
    state, verifier = b64u(random(32)), b64u(random(48))
    metadata = await provider.metadata()
    async with listening(state, port=port) as callback:
        parameters = {
            "response_type": "code",
            "client_id": profile.client_id,
            "redirect_uri": callback.redirect_uri,
            "scope": " ".join(_scopes(profile, metadata)),
            "state": state,
            "nonce": commitment.nonce(bind),
            "code_challenge": sha256_b64u(verifier.encode()),
            "code_challenge_method": "S256",
        } | ({} if profile.prompt is None else {"prompt": profile.prompt})
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        show_url(f"{metadata.authorization_endpoint}{separator}{urlencode(parameters)}", callback.port)
        try:
            async with asyncio.timeout(patience):
                answer = await callback.answer()
        except TimeoutError as error:
            raise NotSignedInError(
                f"nobody signed in within {int(patience)} seconds", code="sign_in_timeout", hint="Try again: p0 login"
            ) from error
        redirect_uri = callback.redirect_uri
    _check_issuer(answer.iss, metadata)
    tokens = await provider.exchange(code=answer.code, verifier=verifier, redirect_uri=redirect_uri)
    person = await provider.verify(Identity(bind=bind, id_token=tokens.id_token))
    return StoredSession(
        issuer=profile.issuer,
        client_id=profile.client_id,
        subject=person.subject,
        groups=person.groups,
        seed=b64u(key.seed()),
        bind=bind,
        id_token=tokens.id_token,
        expires=person.current_until,
        until=person.session_until,
        refresh_token=tokens.refresh_token,
    )


def _scopes(profile: Profile, metadata: Metadata) -> tuple[str, ...]:
    if profile.scopes is not None:
        return ("openid", *(scope for scope in profile.scopes if scope != "openid"))
    known = metadata.scopes_supported
    return (
        WISHED_SCOPES[:3] if known is None else tuple(scope for scope in WISHED_SCOPES if scope in {"openid", *known})
    )


def _check_issuer(iss: str | None, metadata: Metadata) -> None:
    """RFC 9207: an answer that another provider mixed in is not used."""
    if iss is None and not metadata.authorization_response_iss_parameter_supported:
        return
    if iss is None or not hmac.compare_digest(iss.encode(), metadata.issuer.encode()):
        raise UnverifiedError("the answer to the sign-in is from another identity provider", code="answer_issuer")
