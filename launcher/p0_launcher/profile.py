"""Profiles: which control plane, which identity provider, and whose word is trusted.

    default = "work"                       # optional; otherwise the profile called "default", or the only one

    [profiles.work]
    server = "https://p0.corp.example"
    issuer = "https://id.corp.example"
    client_id = "p0"
    agents = ["<thumbprint>"]              # keys of the agents whose records are believed
    storage = "keyring"                    # or "file", which `p0 login --insecure-storage` chooses
    paste_client_id = "p0-paste"           # optional: the client for machines without a browser

The file is `config.toml` in the platform's configuration directory, or what P0_CONFIG names. P0_PROFILE chooses a
profile and P0_SERVER overrides its server. P0_LOGIN_PORT is the loopback port that the browser comes back to, where one
is forwarded. Unknown keys are refused. Secrets are never in this file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from p0_access.errors import MalformedError
from p0_access.nearest import nearest
from p0_access.settings import parse_settings
from p0_launcher.errors import ConfigurationError

DEFAULT: Final = "default"
URL_HINT: Final = "Such as https://p0.corp.example: no query, no fragment"

Url = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$", max_length=2_000)]
Thumbprint = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
ProfileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Storage = Literal["keyring", "file"]


class ProfileTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[profiles.NAME]` as written. `scopes` and `prompt` are for identity providers with special wishes; without
    `scopes` the launcher asks for what the provider says it knows."""

    server: Url
    issuer: Url
    client_id: Annotated[str, Meta(min_length=1, max_length=255)]
    paste_client_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    agents: tuple[Thumbprint, ...] = ()
    storage: Storage = "keyring"
    scopes: tuple[str, ...] | None = None
    prompt: str | None = None
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")

    def __post_init__(self) -> None:
        if self.paste_client_id == self.client_id:
            raise ValueError("paste_client_id is a client of its own, not client_id again")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    profiles: dict[ProfileName, ProfileTable]
    default: ProfileName = DEFAULT


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile in use: its name, the file it stands in, and its settings with the environment's overrides."""

    name: str
    path: Path
    server: str
    issuer: str
    client_id: str
    agents: frozenset[str]
    storage: Storage
    scopes: tuple[str, ...] | None
    prompt: str | None
    algorithms: tuple[str, ...]
    paste_client_id: str | None = None
    port: int = 0

    @property
    def directory(self) -> Path:
        """Where this profile's lock is, and its secrets if they are not in the keyring."""
        return self.path.parent / "secrets"

    @property
    def storage_name(self) -> str:
        """Names this profile's secrets in a store that other profiles, of other files too, may share."""
        return f"{self.name}@{self.path.parent}"


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration is, whether or not it exists."""
    named = environ.get("P0_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_config_path("p0")) / "config.toml"


def load(name: str | None = None, environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile `name`, or the one that P0_PROFILE or the file chooses."""
    path = config_path(environ)
    file = _read(path)
    chosen = name or environ.get("P0_PROFILE") or _default(file)
    table = file.profiles.get(chosen)
    if table is None:
        near = nearest(chosen, file.profiles)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(sorted(file.profiles)) or 'none'}"
        raise ConfigurationError(f"{path} has no profile {chosen!r}", code="profile_unknown", hint=hint)
    return in_use(chosen, table, environ)


def is_url(text: str) -> bool:
    """Whether a server or an issuer may be named so."""
    try:
        msgspec.convert(text, Url)
    except msgspec.ValidationError:
        return False
    return True


def in_use(name: str, table: ProfileTable, environ: Mapping[str, str] = os.environ) -> Profile:
    """`table` as a profile, whether or not it is written yet."""
    server = environ.get("P0_SERVER") or table.server
    if not is_url(server):
        raise ConfigurationError("P0_SERVER is not an http or https URL", code="config_invalid", hint=URL_HINT)
    return Profile(
        name=name,
        path=config_path(environ),
        server=server.rstrip("/"),
        issuer=table.issuer,
        client_id=table.client_id,
        agents=frozenset(table.agents),
        storage=table.storage,
        scopes=table.scopes,
        prompt=table.prompt,
        algorithms=table.algorithms,
        paste_client_id=table.paste_client_id,
        port=_port(environ.get("P0_LOGIN_PORT", "")),
    )


def _port(text: str) -> int:
    """0, which is any free one, if it is not set."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise ConfigurationError(
            "P0_LOGIN_PORT is not a port", code="config_invalid", hint="A number up to 65535, such as 8765"
        )
    return int(text)


def save(name: str, table: ProfileTable, environ: Mapping[str, str] = os.environ) -> Profile:
    """Writes one profile, leaving the rest of the file and its comments alone; the file is replaced as a whole."""
    import tomlkit

    path = config_path(environ)
    try:
        document = tomlkit.parse(path.read_text()) if path.exists() else tomlkit.document()
        profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        entry = profiles.setdefault(name, tomlkit.table())
        settings = msgspec.to_builtins(table)
        for key, value in settings.items():
            if value is None or (key not in entry and value == getattr(_DEFAULTS, key, None)):
                continue
            entry[key] = list(value) if isinstance(value, tuple) else value
        text = tomlkit.dumps(document)
        _parse(text, path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".new")
        unfinished.write_text(text)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}", code="config_unwritable", hint="P0_CONFIG names another file"
        ) from error
    except tomlkit.exceptions.ParseError as error:
        raise ConfigurationError(
            f"{path} is not TOML: {error}",
            code="config_malformed",
            hint="Put it right, or move it away: p0 login makes another",
        ) from error
    return in_use(name, table, environ)


def stored(name: str | None = None, environ: Mapping[str, str] = os.environ) -> tuple[str, ProfileTable | None]:
    """The name that `load` would choose and its table as written, for `p0 login`, which may be about to make it."""
    path = config_path(environ)
    if not path.exists():
        return name or environ.get("P0_PROFILE") or DEFAULT, None
    file = _read(path)
    chosen = name or environ.get("P0_PROFILE") or _default(file)
    return chosen, file.profiles.get(chosen)


def _default(file: _File) -> str:
    if file.default not in file.profiles and len(file.profiles) == 1:
        return next(iter(file.profiles))
    return file.default


def _read(path: Path) -> _File:
    try:
        return _parse(path.read_text(), path)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there is no configuration at {path}",
            code="config_missing",
            hint="p0 login --server URL --issuer URL --client-id ID --agent THUMBPRINT makes one; try p0 demo first",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read {path}: {error}", code="config_unreadable", hint="P0_CONFIG names another file"
        ) from error


def _parse(text: str, path: Path) -> _File:
    try:
        return parse_settings(text, _File, source=str(path))
    except MalformedError as error:
        raise ConfigurationError(str(error), code=error.code, hint=error.hint) from error


_DEFAULTS: Final = ProfileTable(server="http://unset", issuer="http://unset", client_id="unset")
