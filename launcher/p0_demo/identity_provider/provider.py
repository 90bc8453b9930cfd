"""The development provider itself: its users, keys and sign-ins, served on a free loopback port while it is entered."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from p0_demo.identity_provider.authorization import Target
from p0_demo.identity_provider.endpoints import HOST, application
from p0_demo.identity_provider.errors import OAuthError
from p0_demo.identity_provider.grants import Grants, SignIn
from p0_demo.identity_provider.keys import SigningKeys
from p0_demo.identity_provider.settings import CLIENT_ID, Behaviour, User

GRACE_SECONDS: Final = 1


class DevelopmentProvider:
    """An async context manager, to be entered once; `issuer` is its address meanwhile.

    `behaviour` may be replaced at any time and holds from the next request on. `port` 0 takes a free one; a taken one
    is an `OSError`. `clock` gives unix seconds.
    """

    def __init__(
        self,
        *,
        users: Sequence[User],
        client_ids: Sequence[str] = (CLIENT_ID,),
        behaviour: Behaviour | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.users: Final = tuple(users)
        self.client_ids: Final = tuple(client_ids)
        self.behaviour = behaviour if behaviour is not None else Behaviour()
        self.issuer = ""
        self._port = port
        self._clock = clock
        self._keys = SigningKeys(self.behaviour.algorithm)
        self._grants = Grants(clock)
        self._application = application(self)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def rotate_keys(self, *, withdraw: bool = False) -> None:
        """Sign with a new key, for `behaviour.algorithm`, from now on. `withdraw` stops publishing the earlier ones."""
        self._keys.rotate(self.behaviour.algorithm, withdraw=withdraw)

    def metadata(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0, section 3)."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self._keys.algorithms,
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "groups", "offline_access"],
            "claims_supported": [
                "iss", "sub", "aud", "azp", "iat", "exp", "auth_time", "nonce", "acr", "amr", "email", "email_verified",
                "groups",
            ],
            "prompt_values_supported": ["none", "login"],
            "request_uri_parameter_supported": False,
            "claims_parameter_supported": self.behaviour.takes_claims,
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip

    def jwks(self) -> dict[str, Any]:
        """The published keys."""
        return self._keys.jwks()

    def find_user(self, name: str | None) -> User | None:
        """By `sub` or address."""
        return next((user for user in self.users if name in {user.sub, user.email}), None)

    def expected_user(self, login_hint: str | None) -> User | None:
        """Who is signed in without being asked: whom the client hinted at, else whom `auto_login` names."""
        return self.find_user(login_hint) or self.find_user(self.behaviour.auto_login)

    def sign_in(self, user: User, target: Target, *, challenge: str, nonce: str | None) -> str:
        """A code for somebody who just signed in."""
        return self._grants.issue_code(
            SignIn(
                client_id=target.client_id,
                redirect_uri=target.redirect_uri,
                challenge=challenge,
                nonce=nonce,
                user=user,
                auth_time=int(self._clock()) - self.behaviour.remembers,
            )
        )

    def exchange(self, parameters: dict[str, str]) -> dict[str, Any]:
        """A token request (RFC 6749, sections 4.1.3 and 6) and its answer."""
        client_id = parameters.get("client_id", "")
        if client_id not in self.client_ids:
            raise OAuthError("invalid_client", "client_id is not registered")
        match parameters.get("grant_type"):
            case "authorization_code":
                sign_in, refresh = self._grants.redeem_code(
                    parameters.get("code", ""),
                    client_id=client_id,
                    redirect_uri=parameters.get("redirect_uri", ""),
                    verifier=parameters.get("code_verifier", ""),
                )
                nonce = sign_in.nonce
            case "refresh_token":
                sign_in, refresh = self._grants.redeem_refresh(parameters.get("refresh_token", ""), client_id=client_id)
                nonce = sign_in.nonce if self.behaviour.nonce_on_refresh else None
                if not self.behaviour.token_on_refresh:
                    return self._answer(refresh)
            case None:
                raise OAuthError("invalid_request", "grant_type is missing")
            case _:
                raise OAuthError("unsupported_grant_type", "only authorization_code and refresh_token")
        return self._answer(refresh) | {"id_token": self._id_token(sign_in, nonce)}

    def _answer(self, refresh: str) -> dict[str, Any]:
        return {
            "access_token": secrets.token_urlsafe(32),  # opens nothing: there is no userinfo and no API here
            "token_type": "Bearer",
            "expires_in": self.behaviour.token_seconds,
            "refresh_token": refresh,
        }

    def revoke(self, parameters: dict[str, str]) -> None:
        """RFC 7009: the sign-in behind a refresh token is over. What is not known is over already."""
        client_id = parameters.get("client_id", "")
        if client_id not in self.client_ids:
            raise OAuthError("invalid_client", "client_id is not registered")
        self._grants.revoke(parameters.get("token", ""), client_id=client_id)

    async def __aenter__(self) -> Self:
        listener = socket.create_server((HOST, self._port))
        # asyncio does it for the sockets it makes itself; without it, each answer waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.issuer = f"http://{HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        accepting = asyncio.create_task(self._server.accepting.wait())
        await asyncio.wait({self._serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
        if not accepting.done():
            accepting.cancel()
            await self._serving  # raises what kept it from starting
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application, with its outages."""
        if self.behaviour.outage:
            await PlainTextResponse("out of order", status_code=503)(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def _id_token(self, sign_in: SignIn, nonce: str | None) -> str:
        now = int(self._clock())
        user = sign_in.user
        claims = {
            "iss": self.issuer,
            "sub": user.sub,
            "aud": sign_in.client_id,
            "azp": sign_in.client_id,
            "iat": now,
            "exp": now + self.behaviour.token_seconds,
            "auth_time": sign_in.auth_time,
            "email": user.email,
            "email_verified": user.email_verified,
            "groups": list(user.groups),
        }
        optional = {"nonce": nonce, "acr": self.behaviour.acr, "amr": list(self.behaviour.amr) or None}
        return self._keys.sign(claims | {name: value for name, value in optional.items() if value is not None})


class _Server(uvicorn.Server):
    """uvicorn inside another program: signals are the program's, and it tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
