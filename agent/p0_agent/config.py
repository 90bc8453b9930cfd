"""The agent's configuration: one TOML file, read once and then frozen. Unknown keys are refused.

Relative paths are relative to the file. Secrets are in files of their own: the configuration can be shown.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from p0_access.encoding import b64u, b64u_decode
from p0_access.errors import MalformedError
from p0_access.messages.records import MAX_TTL
from p0_access.permissions.permission import Kind
from p0_access.proof.issuers import Alias, TrustedIssuer, check_people
from p0_access.proof.keys import SigningKey
from p0_access.secret import Secret
from p0_access.settings import parse_settings
from p0_agent.errors import ConfigurationError
from p0_agent.files import make_secret, read_secret, read_text
from p0_agent.postgres.names import is_reserved_schema
from p0_agent.postgres.powers import DEFAULT_BROKER, DEFAULT_KEEPER

Port = Annotated[int, Meta(ge=1, le=65535)]


class Advertised(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where launchers reach the database. `sslrootcert` names a PEM file whose text goes into each credential."""

    host: str
    port: Port = 5432
    sslmode: Literal["verify-full", "disable"] = "verify-full"
    channel_binding: Literal["require", "prefer", "disable"] = "require"
    sslrootcert: str | None = None


class Cluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the agent reaches its cluster: its own account, the reader's, and `home`, which holds its ledger.

    `mode` says by what right it makes logins: it acts as `broker`, or (hardened) it may only call functions of the
    broker's that hold it to the ceiling. Before PostgreSQL 16 the first is refused without `broker_on_old_versions`.
    `keeper` is the role that gets what logins own, in databases where that is kept.
    """

    host: str
    port: Port = 5432
    home: str
    user: str = "p0_agent"
    password_file: str
    reader_user: str = "p0_reader"
    reader_password_file: str
    mode: Literal["broker", "hardened"] = "broker"
    broker: str = DEFAULT_BROKER
    keeper: str = DEFAULT_KEEPER
    broker_on_old_versions: bool = False
    sslmode: Literal["verify-full", "disable"] = "verify-full"
    sslrootcert: str | None = None
    scram_iterations: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096


class ManagedDatabase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A database that requests may name, and the schemas in it that the agent may grant on.

    `owned_objects` says what becomes of what a login owns at its end: it is dropped, or handed to the cluster's keeper;
    or whoever could make something that lasts is refused. What is there all the same is then dropped.
    """

    name: str
    schemas: Annotated[tuple[str, ...], Meta(min_length=1)]
    owned_objects: Literal["drop", "keep", "refuse"] = "drop"

    def __post_init__(self) -> None:
        reserved = next(filter(is_reserved_schema, self.schemas), None)
        if reserved is not None:
            raise ValueError(f"schemas: {reserved} is PostgreSQL's or the agent's own, and nothing in it is granted")


class Ceiling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What no rule and no approval can exceed here. TTL in seconds; `kinds` are what permissions may be on (large
    objects are not among them unless they are named); `connections` is each login's own limit; `roles` are the existing
    roles that may be asked for by name."""

    max_ttl: Annotated[int, Meta(ge=1, le=MAX_TTL)] = 8 * 3600
    privileges: tuple[str, ...] = (
        "CONNECT", "TEMPORARY", "USAGE", "SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE",
    )  # fmt: skip
    kinds: tuple[Kind, ...] = (
        Kind.DATABASE,
        Kind.SCHEMA,
        Kind.RELATION,
        Kind.COLUMN,
        Kind.SEQUENCE,
        Kind.FUNCTION,
        Kind.TYPE,
    )
    roles: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    max_permissions: Annotated[int, Meta(ge=1, le=5_000)] = 1_000
    max_live: Annotated[int, Meta(ge=1, le=10_000)] = 2_000
    connections: Annotated[int, Meta(ge=1, le=100)] = 5


class NoticeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where notices of emergencies go, past the server: a web hook or a command, which gets JSON. Without either, or
    when it fails, emergencies are refused, unless they are not `required` to be told."""

    url: Annotated[str, Meta(pattern=r"^https?://")] | None = None
    command: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    required: bool = True

    def __post_init__(self) -> None:
        if self.url is not None and self.command is not None:
            raise ValueError("one of url and command")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `server` is the control plane's base URL; `key` the agent's own key file; `state` the file in
    which it remembers how far it had come, to be kept through restarts and out of the database's backups; `groups` a
    directory file, which adds to the groups in people's tokens.

    `directory` is where the file is; a file cannot say it.
    """

    server: Annotated[str, Meta(pattern=r"^https?://")]
    key: str = "agent.key"
    state: str = "agent.state"
    rules: str
    groups: str | None = None
    issuers: Annotated[tuple[TrustedIssuer, ...], Meta(min_length=1)]
    aliases: tuple[Alias, ...] = ()
    cluster: Cluster
    advertised: Advertised
    databases: Annotated[tuple[ManagedDatabase, ...], Meta(min_length=1)]
    ceiling: Ceiling = Ceiling()
    notice: NoticeSettings = NoticeSettings()
    directory: Path = Path()

    def __post_init__(self) -> None:
        check_people(self.issuers, self.aliases)

    def path(self, name: str) -> Path:
        """A path of the configuration, relative to its file."""
        return self.directory / name

    def secret(self, name: str) -> Secret:
        """The first line of a secret's own file."""
        return read_secret(self.path(name))


def load(path: Path) -> Settings:
    """Reads and checks the file; raises `ConfigurationError` that names the file and what is wrong in it."""
    try:
        file = parse_settings(read_text(path), Settings, source=str(path))
    except MalformedError as error:
        raise ConfigurationError(str(error), code=error.code, hint=error.hint) from error
    return msgspec.structs.replace(file, directory=path.parent)


def agent_key(path: Path, random: Callable[[int], bytes]) -> SigningKey:
    """The agent's own key, made on first use in a file that only its owner can read."""
    if not path.exists():
        key = SigningKey.generate(random)
        make_secret(path, b64u(key.seed()))
        return key
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(
            f"others can read the agent's key {path}", code="key_exposed", hint=f"chmod 600 {path}, or make a new one"
        )
    try:
        return SigningKey(b64u_decode(read_text(path).strip()))
    except MalformedError as error:
        raise ConfigurationError(
            f"{path} does not hold an agent key",
            code="key_malformed",
            hint="Put back the file that does; a new key has to be made known to the server and to every launcher",
        ) from error
