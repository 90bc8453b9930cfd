"""What the launcher keeps between two runs, as one item of the secret store: the session, the keys that open
credentials not yet collected, and the credentials of accesses that have not ended.

One item, so that it is read in one go, swept as a whole and wiped by `p0 logout`. Several p0 run side by side: every
change is made under a lock between processes, and what has ended is dropped whenever anything is written.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_access.messages.records import CredentialPlaintext, LogHead, Subject
from p0_access.secret import Hidden, Secret
from p0_launcher.errors import ConfigurationError, UnavailableError
from p0_launcher.storage import SecretStore

LOCK_SECONDS: Final = 20.0
"""How long another p0 may hold the lock; it does so for one refresh at the identity provider at most."""

MAX_WALLET_BYTES: Final = 1024 * 1024


class _Kept(Hidden, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept is never shown."""


class StoredSession(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sign-in. `seed` is the session key; `id_token` commits to it; `fresh` is its latest successor, if any.

    `until` is when the session key may no longer be used; `expires` and `fresh_expires` are the tokens' own ends. A
    workload's further tokens come from `source` (`p0_launcher.login.workload`).
    """

    issuer: str
    client_id: str
    subject: Subject
    groups: tuple[str, ...]
    seed: str
    bind: str
    id_token: str
    expires: int
    until: int
    fresh: str | None = None
    fresh_expires: int = 0
    refresh_token: str | None = None
    source: str | None = None

    @property
    def renewable(self) -> bool:
        """Whether there is a way to a fresh token."""
        return self.refresh_token is not None or self.source is not None


class Awaited(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request on its way: `opening` is the private key that its credential will be sealed to. `key` is the same for
    requests for the same thing (`p0_launcher.access.reuse_key`); `files` tells which statements came from files."""

    rid: str
    rh: str
    key: str
    agent: str
    database: str
    one_shot: bool | None
    files: tuple[bool, ...]
    opening: str
    until: int


class Seen(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far an agent's evidence had come, by a credential that it signed `at` that time."""

    head: LogHead
    at: int


class Held(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An access that has not ended, and the login that it gives."""

    rid: str
    rh: str
    key: str
    agent: str
    database: str
    one_shot: bool
    files: tuple[bool, ...]
    credential: CredentialPlaintext
    seen: Seen


class Contents(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything. `awaited` and `held` are by request id; `heads` is by the agent's thumbprint, and so is `catalogs`:
    of each database, when the newest catalog that was seen here was signed."""

    v: Literal[1] = 1
    session: StoredSession | None = None
    awaited: dict[str, Awaited] = msgspec.field(default_factory=dict)
    held: dict[str, Held] = msgspec.field(default_factory=dict)
    heads: dict[str, Seen] = msgspec.field(default_factory=dict)
    catalogs: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)

    def with_awaited(self, item: Awaited) -> Contents:
        return msgspec.structs.replace(self, awaited=self.awaited | {item.rid: item})

    def with_held(self, item: Held) -> Contents:
        """The credential is open: its key is no longer needed. The evidence has come as far as it says, or further."""
        known = self.heads.get(item.agent)
        latest = item.seen if known is None or item.seen.head.n >= known.head.n else known
        return msgspec.structs.replace(
            self.without(item.rid), held=self.held | {item.rid: item}, heads=self.heads | {item.agent: latest}
        )

    def extended(self, rid: str, not_after: int) -> Contents:
        """The access lasts longer; nothing where it is not kept here."""
        item = self.held.get(rid)
        if item is None:
            return self
        login = msgspec.structs.replace(item.credential, not_after=not_after)
        return msgspec.structs.replace(self, held=self.held | {rid: msgspec.structs.replace(item, credential=login)})

    def with_catalog(self, agent: str, database: str, at: int) -> Contents:
        """A newer one that was noted meanwhile stays."""
        known = self.catalogs.get(agent, {})
        newest = max(at, known.get(database, 0))
        return msgspec.structs.replace(self, catalogs=self.catalogs | {agent: known | {database: newest}})

    def without_agent(self, agent: str) -> Contents:
        """Nothing is known any more of how far that agent had come."""
        return msgspec.structs.replace(
            self,
            heads={name: seen for name, seen in self.heads.items() if name != agent},
            catalogs={name: seen for name, seen in self.catalogs.items() if name != agent},
        )

    def without(self, rid: str) -> Contents:
        return msgspec.structs.replace(
            self,
            awaited={name: item for name, item in self.awaited.items() if name != rid},
            held={name: item for name, item in self.held.items() if name != rid},
        )

    def swept(self, now: int) -> Contents:
        """Without what has ended."""
        return msgspec.structs.replace(
            self,
            awaited={name: item for name, item in self.awaited.items() if item.until > now},
            held={name: item for name, item in self.held.items() if item.credential.not_after > now},
        )


class Draft:
    """The contents under the lock. Assign `contents` to change them."""

    __slots__ = ("contents",)

    def __init__(self, contents: Contents) -> None:
        self.contents = contents


class Wallet:
    """The item `name` of `store`. The lock is a file in `directory`; `clock` gives seconds since the epoch."""

    def __init__(self, store: SecretStore, *, name: str, directory: Path, clock: Callable[[], float]) -> None:
        self._store = store
        self._name = name
        self._directory = directory
        self._clock = clock

    async def read(self) -> Contents:
        """The contents without what has ended."""
        return (await asyncio.to_thread(self._load)).swept(int(self._clock()))

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Draft]:
        """Inside, nobody else changes the contents. They are written at the end if they differ, unless it raises."""
        with self._lock_file() as descriptor:
            await _locked(descriptor, self._directory)
            before = await asyncio.to_thread(self._load)
            draft = Draft(before.swept(int(self._clock())))
            yield draft
            if draft.contents != before:
                await asyncio.to_thread(self._save, draft.contents)

    async def forget(self, rid: str) -> None:
        """What is kept of one request."""
        async with self.changing() as draft:
            draft.contents = draft.contents.without(rid)

    async def wipe(self) -> None:
        """Forgets everything, readable or not."""
        with self._lock_file() as descriptor:
            await _locked(descriptor, self._directory)
            await asyncio.to_thread(self._store.delete, self._name)

    def _load(self) -> Contents:
        value = self._store.get(self._name)
        if value is None:
            return Contents()
        try:
            return decode(value.reveal(), Contents, max_bytes=MAX_WALLET_BYTES)
        except MalformedError as error:
            raise ConfigurationError(
                "what is kept of your sign-in cannot be read", code="wallet_malformed", hint="p0 logout, then p0 login"
            ) from error

    def _save(self, contents: Contents) -> None:
        self._store.set(self._name, Secret(encode(contents).decode()))

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"cannot use {self._directory}: {error.strerror}",
                code="storage_unusable",
                hint="It must be yours, and writable: ls -ld",
            ) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # lets go of the lock, as the end of the process does


async def _locked(descriptor: int, directory: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"another p0 holds the lock in {directory}", code="wallet_locked", hint="Wait for it, or end it"
                ) from error
            await asyncio.sleep(0.02)
        else:
            return
