"""The permissions that SQL needs, for whoever asks for those by name: what is read here is what gets signed.

Read on this machine, over the catalog that the agent signed. Only where the server has no catalog to show is its own
reading taken, and the caller told so.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import UNSET

from p0_access.messages.records import What
from p0_access.messages.views import CatalogView
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, needed
from p0_launcher.api import Api
from p0_launcher.catalogs import newest_catalog
from p0_launcher.errors import UnavailableError
from p0_launcher.wallet import Wallet


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """`what` names the permissions; `by_server` says whose word they are."""

    what: What
    by_server: bool = False


async def needs_of(api: Api, database: str, what: What, *, reason: str, pins: Collection[str], wallet: Wallet) -> Needs:
    """What the SQL of `what` needs. What is no SQL stays as it is; raises `ReadingError` for what is not understood."""
    texts = what.statement
    if texts is UNSET:
        return Needs(what=what)
    path = None if what.search_path is UNSET else what.search_path
    view = await _catalog(api, database)
    if view is None:
        explained = await api.explain(database, texts, search_path=path, reason=reason)
        return Needs(what=What(grant=needed(explained.statements)), by_server=True)
    from p0_access.permissions.infer import TextReader  # here, since it brings the parser

    catalog = await newest_catalog(view, database=database, pins=pins, wallet=wallet)
    reader = TextReader(catalog, path or DEFAULT_SEARCH_PATH)
    return Needs(what=What(grant=needed(tuple(each for text in texts for each in reader.read(text)))))


async def _catalog(api: Api, database: str) -> CatalogView | None:
    try:
        return await api.catalog(database)
    except UnavailableError as error:
        if error.code != "catalog_missing":
            raise
        return None
