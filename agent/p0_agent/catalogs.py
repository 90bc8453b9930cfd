"""The catalogs of the managed databases: kept current for the agent's own reading, signed and published for others.

Others read them to tell people what will happen; what is granted is read against `current`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import msgspec

from p0_access.encoding import encode, sha256_b64u
from p0_access.messages.job import CatalogUpload
from p0_access.messages.records import CatalogRecord
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_agent.postgres.cluster import Cluster


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str
    catalog: Catalog


class Catalogs:
    """`clock` gives seconds since the epoch."""

    def __init__(self, cluster: Cluster, key: SigningKey, *, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._key = key
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._published: dict[str, str] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def current(self, database: str) -> Catalog:
        """The catalog as it is now: looked at again whenever anything in it may have changed."""
        async with self._turns[database]:
            fingerprint = await self._cluster.fingerprint(database)
            known = self._known.get(database)
            if known is None or known.fingerprint != fingerprint:
                # The fingerprint is the older of the two, so a change in between is noticed next time.
                found = await self._cluster.catalog(database)
                known = _Known(fingerprint=fingerprint, catalog=await asyncio.to_thread(_packed, found))
                self._known[database] = known
            return known.catalog

    async def changed(self, database: str) -> CatalogUpload | None:
        """What to publish, if it is not what was published last."""
        catalog = await self.current(database)
        if self._published.get(database) == catalog.version:
            return None
        text = encode(catalog).decode()
        record = CatalogRecord(
            database=database, version=catalog.version, at=int(self._clock()), sha256=sha256_b64u(text.encode())
        )
        return CatalogUpload(record=jws.sign(record, self._key), catalog=text)

    def published(self, database: str, upload: CatalogUpload) -> None:
        """The server has it."""
        self._published[database] = jws.unverified_record(upload.record, CatalogRecord).version

    def forget_published(self) -> None:
        """The server may have lost them: publish all again."""
        self._published.clear()


def _packed(catalog: Catalog) -> Catalog:
    """The same, in as little memory as there may be."""
    return decode_catalog(encode(catalog))
