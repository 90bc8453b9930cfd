"""Catalogs as clients use them: verified against the agent's signature, never older than one seen before, searched."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Collection

from p0_access.encoding import sha256_b64u
from p0_access.messages.records import CatalogRecord
from p0_access.messages.views import CatalogView
from p0_access.permissions.catalog import Catalog, Relation
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.proof import jws
from p0_launcher.access import pinned_key
from p0_launcher.errors import UnverifiedError
from p0_launcher.wallet import Wallet


def verified_catalog(view: CatalogView, *, database: str, pins: Collection[str]) -> Catalog:
    """The catalog, if a pinned agent signed exactly these bytes for `database`."""
    if view.agent is None:
        raise UnverifiedError("the server does not say whose catalog this is", code="catalog_mismatch")
    record = jws.verify(view.record, CatalogRecord, pinned_key(view.agent, pins)).record
    if record.database != database or record.sha256 != sha256_b64u(view.catalog.encode()):
        raise UnverifiedError("the catalog is not the one that its agent signed", code="catalog_mismatch")
    return decode_catalog(view.catalog)


async def newest_catalog(view: CatalogView, *, database: str, pins: Collection[str], wallet: Wallet) -> Catalog:
    """`verified_catalog`, which the server shows now; `catalog_older` if it was signed before one that it showed this
    machine already. From now on none older than this one will do."""
    catalog = await asyncio.to_thread(verified_catalog, view, database=database, pins=pins)
    agent = view.agent.thumbprint if view.agent is not None else ""
    at = jws.unverified_record(view.record, CatalogRecord).at
    known = (await wallet.read()).catalogs.get(agent, {}).get(database, 0)
    if at < known:
        raise UnverifiedError(
            f"the server shows a catalog of {database} that is older than the one before",
            code="catalog_older",
            hint=f"Tell your administrators. If the agent's clock was ahead for a while: p0 audit forget {agent}",
        )
    if at > known:
        async with wallet.changing() as draft:
            draft.contents = draft.contents.with_catalog(agent, database, at)
    return catalog


def matching(catalog: Catalog, pattern: str | None) -> tuple[Relation, ...]:
    """Relations whose `schema.name`, or name, matches the glob; a pattern without a wildcard matches inside names."""
    if pattern is None:
        return tuple(catalog.relations)
    wanted = pattern.lower() if any(mark in pattern for mark in "*?[") else f"*{pattern.lower()}*"
    return tuple(
        item
        for item in catalog.relations
        if fnmatch.fnmatchcase(f"{item.schema}.{item.name}".lower(), wanted)
        or fnmatch.fnmatchcase(item.name.lower(), wanted)
    )
