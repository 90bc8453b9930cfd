"""The server's configuration: one TOML file, read once and then frozen. Unknown keys are refused with a suggestion.

Relative paths are relative to the file. There are no secrets in it: agents are known by their public keys, and what
notices need stands in files of its own.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from p0_access.errors import MalformedError
from p0_access.messages.records import Hash, Name
from p0_access.proof.issuers import Alias, TrustedIssuer, check_people
from p0_access.proof.keys import PublicKey
from p0_access.settings import parse_settings
from p0_access.unreadable import hint_for
from p0_server.errors import ConfigurationError
from p0_server.notices.settings import AnyTarget

DEFAULT_LISTEN: Final = "127.0.0.1:8400"


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files: the certificate chain, and its private key."""

    certificate: str
    key: str


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent that may call, and the databases that it alone serves. `jwk` is its public key, `thumbprint` the key's
    own digest, so that a slip in either shows."""

    name: Name
    thumbprint: Hash
    jwk: PublicKey
    databases: Annotated[tuple[Name, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.jwk.thumbprint != self.thumbprint:
            raise ValueError(f"agent {self.name}: the thumbprint of this jwk is {self.jwk.thumbprint}")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `url` is how clients reach the server where that is not the loopback address it listens on.
    `groups` is a directory file, which adds to the groups in people's tokens.

    `directory` is where the file is; a file cannot say it.
    """

    listen: str = DEFAULT_LISTEN
    url: Annotated[str, Meta(pattern=r"^https?://[^/?#]+$")] | None = None
    store: str = "p0.db"
    rules: str = "rules.yaml"
    groups: str | None = None
    issuers: Annotated[tuple[TrustedIssuer, ...], Meta(min_length=1)]
    aliases: tuple[Alias, ...] = ()
    agents: tuple[AgentSettings, ...] = ()
    notices: tuple[AnyTarget, ...] = ()
    tls: Tls | None = None
    behind_proxy: bool = False
    directory: Path = Path()

    def __post_init__(self) -> None:
        check_people(self.issuers, self.aliases)
        _refuse_twice("agent", [agent.thumbprint for agent in self.agents])
        _refuse_twice("target of notices", [target.name for target in self.notices])
        _refuse_twice("database", [name for agent in self.agents for name in agent.databases])

    def path(self, name: str) -> Path:
        """A path of the configuration, relative to its file."""
        return self.directory / name

    @property
    def by_https(self) -> bool:
        """Whether clients reach the server by HTTPS."""
        return self.tls is not None or (self.url or "").startswith("https://")

    @property
    def agent_of(self) -> dict[str, AgentSettings]:
        """The agent of each database."""
        return {name: agent for agent in self.agents for name in agent.databases}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 lets the system choose."""
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ConfigurationError(
                f"{self.listen!r} is not an address to listen on", code="config_invalid", hint="host:port"
            )
        return host.strip("[]"), int(port)


def load(path: Path) -> Settings:
    """Reads and checks the file; raises `ConfigurationError` that names the file and what is wrong in it."""
    try:
        file = parse_settings(path.read_text(encoding="utf-8"), Settings, source=str(path))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}: {error.strerror}", code="config_unreadable", hint=hint_for(error)
        ) from error
    except UnicodeDecodeError as error:
        hint = "It is a text file: save it as UTF-8"
        raise ConfigurationError(f"{path} is not UTF-8", code="config_malformed", hint=hint) from error
    except MalformedError as error:
        raise ConfigurationError(str(error), code=error.code, hint=error.hint) from error
    return msgspec.structs.replace(file, directory=path.parent)


def check_exposure(settings: Settings) -> None:
    """Refuses to speak plain HTTP to anything but this machine."""
    host, _ = settings.address
    if settings.url is not None and not settings.url.startswith("https://") and not _loopback(_host(settings.url)):
        raise ConfigurationError(
            f"clients would reach {settings.url} without TLS",
            code="url_insecure",
            hint='url = "https://…": tokens and signed acts travel to it',
        )
    if _loopback(host):
        return
    if settings.tls is None and not settings.behind_proxy:
        raise ConfigurationError(
            f"refusing to listen on {settings.listen} without TLS",
            code="listen_exposed",
            hint="Give [tls] certificate and key, or --behind-proxy if a proxy on a trusted network adds TLS.",
        )
    if settings.url is None:
        raise ConfigurationError(
            f"listening on {settings.listen} needs the URL that clients use",
            code="url_missing",
            hint='url = "https://p0.example.com" in the configuration',
        )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_twice(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the {what} {name} stands twice")
