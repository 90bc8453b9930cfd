"""The identity provider: discovery, its published keys, and the token endpoint. Every answer is unverified until the
kernel has verified the ID token in it with keys fetched here, from the issuer itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from p0_access.certificates import TRUSTED_BY, untrusted
from p0_access.encoding import strict_json
from p0_access.errors import MalformedError, P0Error
from p0_access.messages.identity import Identity
from p0_access.proof.commitment import workload_audience
from p0_access.proof.id_token import KeySet
from p0_access.proof.identity import VerifiedIdentity, verify_identity
from p0_access.proof.issuers import TrustedIssuer, Workloads
from p0_access.secret import Hidden
from p0_launcher.errors import ConfigurationError, NotSignedInError, UnavailableError, UnverifiedError
from p0_launcher.http import httpx, trusted
from p0_launcher.login.workload import identity_token
from p0_launcher.network import is_loopback
from p0_launcher.profile import Profile
from p0_launcher.session import Refreshed
from p0_launcher.wallet import StoredSession

_SECONDS: Final = 10.0
_MAX_BYTES: Final = 256 * 1024

T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """OpenID Provider metadata (Discovery 1.0, section 3), as far as a native client needs it. Without the first two
    endpoints it is a platform's, where only programs sign in."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    scopes_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False
    claims_parameter_supported: bool = False


class Tokens(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """A token endpoint's answer. The access token is of no use here."""

    id_token: str
    refresh_token: str | None = None


class _Refreshed(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """The same to a refresh token, where a provider may leave the ID token out (OpenID Connect Core 1.0, section
    12.2)."""

    id_token: str | None = None
    refresh_token: str | None = None


class _TokenError(msgspec.Struct, frozen=True, kw_only=True):
    error: str
    error_description: str = ""


class IdentityProvider:
    """The profile's issuer, spoken to as the public client that the profile names."""

    def __init__(self, profile: Profile, *, clock: Callable[[], float]) -> None:
        self._issuer = profile.issuer
        self._people = TrustedIssuer(
            issuer=profile.issuer,
            client_ids=(profile.client_id,),
            paste_client_ids=() if profile.paste_client_id is None else (profile.paste_client_id,),
            algorithms=profile.algorithms,
        )
        self._workloads = TrustedIssuer(
            issuer=profile.issuer,
            algorithms=profile.algorithms,
            workloads=Workloads(claims={"iss": (profile.issuer,)}),  # this machine's own: there is nothing more to pin
        )
        self._clock = clock
        self._metadata: Metadata | None = None

    async def metadata(self) -> Metadata:
        """The provider's own description; its endpoints must be https, or on this machine."""
        if self._metadata is None:
            found = self._parsed(
                await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"), Metadata
            )
            if found.issuer != self._issuer:
                raise ConfigurationError(
                    f"the identity provider calls itself {found.issuer}, not {self._issuer}",
                    code="issuer_mismatch",
                    hint=f"If that is right, set issuer = {found.issuer!r} in the profile",
                )
            for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.revocation_endpoint):
                if url is not None:
                    _require_safe(url)
            self._metadata = found
        return self._metadata

    async def exchange(self, *, code: str, verifier: str, redirect_uri: str, client_id: str) -> Tokens:
        """The tokens for an authorization code (RFC 6749, section 4.1.3, with RFC 7636)."""
        return await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
                "client_id": client_id,
            },
            Tokens,
        )

    async def refresh(self, session: StoredSession) -> Refreshed:
        """A new ID token for the same subject, verified."""
        if session.source is not None:
            tokens = Tokens(id_token=await identity_token(session.source, workload_audience(session.bind)))
        elif session.refresh_token is not None:
            tokens = _with_id_token(
                await self._tokens(
                    {
                        "grant_type": "refresh_token",
                        "refresh_token": session.refresh_token,
                        "client_id": session.client_id,
                    },
                    _Refreshed,
                )
            )
        else:
            raise NotSignedInError("your sign-in has expired", code="session_expired", hint="Sign in again: p0 login")
        identity = Identity(bind=session.bind, id_token=session.id_token, fresh=tokens.id_token)
        verified = await self.verify(identity, workload=session.source is not None)
        return Refreshed(
            id_token=tokens.id_token,
            expires=verified.current_until,
            groups=verified.groups,
            refresh_token=tokens.refresh_token,
        )

    async def verify(self, identity: Identity, *, workload: bool = False) -> VerifiedIdentity:
        """Holds `identity` against the issuer's own keys, and its nonce (of a workload, its audience) against the
        commitment."""
        metadata = await self.metadata()
        keys = KeySet.parse(await self._get(metadata.jwks_uri))
        try:
            return verify_identity(
                identity,
                issuers={self._issuer: self._workloads if workload else self._people},
                keys={self._issuer: keys},
                now=int(self._clock()),
            )
        except P0Error as error:
            raise UnverifiedError(
                f"the identity provider's answer does not hold: {error}", code=error.code, hint=error.hint
            ) from error

    async def revoke(self, refresh_token: str, *, client_id: str) -> bool:
        """Asks the provider to forget the session (RFC 7009); False if it offers no such thing."""
        endpoint = (await self.metadata()).revocation_endpoint
        if endpoint is None:
            return False
        form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": client_id}
        response = await self._send("POST", endpoint, form)
        return response.status_code == httpx.codes.OK

    def people(self, endpoint: str | None) -> str:
        """An endpoint that is there where people sign in."""
        if endpoint is None:
            raise ConfigurationError(
                f"people do not sign in at {self._issuer}",
                code="issuer_without_people",
                hint="A program does: p0 login --identity-token-from",
            )
        return endpoint

    async def _tokens(self, form: dict[str, str], type_: type[T]) -> T:
        endpoint = self.people((await self.metadata()).token_endpoint)
        response = await self._send("POST", endpoint, form)
        if response.is_success:
            return self._parsed(response.content, type_)
        if response.is_server_error:
            raise self._unavailable(f"answered {response.status_code}")
        refused = self._parsed(response.content, _TokenError)
        raise NotSignedInError(
            f"the identity provider refuses: {refused.error_description or refused.error}",
            code="sign_in_refused",
            hint="Sign in again: p0 login",
        )

    async def _get(self, url: str) -> bytes:
        _require_safe(url)
        response = await self._send("GET", url)
        if not response.is_success:
            raise self._unavailable(f"answered {response.status_code} to {url}")
        return response.content

    async def _send(self, method: str, url: str, form: dict[str, str] | None = None) -> httpx.Response:
        target = httpx.URL(url)
        client = httpx.AsyncClient(
            timeout=_SECONDS, follow_redirects=False, trust_env=not is_loopback(target.host), verify=trusted(target)
        )
        try:
            async with (
                client,
                client.stream(method, url, data=form, headers={"Accept": "application/json"}) as response,
            ):
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MAX_BYTES:
                        raise self._unavailable(f"answered with more than {_MAX_BYTES} bytes")
                return httpx.Response(response.status_code, content=content)
        except httpx.TimeoutException as error:
            raise self._unavailable("did not answer in time") from error
        except httpx.HTTPError as error:
            if (problem := untrusted(error)) is not None:
                raise UnavailableError(
                    f"the certificate of {target.host} is not trusted: {problem}",
                    code="issuer_untrusted",
                    hint=TRUSTED_BY,
                ) from error
            raise self._unavailable("does not answer") from error

    def _parsed(self, content: bytes, type_: type[T]) -> T:
        """Other members than ours are the provider's business."""
        try:
            return msgspec.convert(strict_json(content), type_)
        except (MalformedError, msgspec.ValidationError) as error:
            raise UnverifiedError(
                f"the identity provider at {self._issuer} does not speak OpenID Connect: {error}", code="issuer_answer"
            ) from error

    def _unavailable(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"the identity provider at {self._issuer} {what}",
            code="issuer_unavailable",
            hint="Try again later; what is still active keeps working until it ends",
        )


def _with_id_token(refreshed: _Refreshed) -> Tokens:
    if refreshed.id_token is None:
        raise NotSignedInError(
            "your sign-in has expired, and the identity provider gives no ID token when it is refreshed",
            code="refresh_without_token",
            hint="Sign in again: p0 login. Your administrators may be able to have it give one, or one that lasts",
        )
    return Tokens(id_token=refreshed.id_token, refresh_token=refreshed.refresh_token)


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigurationError(
            f"{url} is neither https nor on this machine", code="issuer_insecure", hint="An issuer needs https"
        )
