"""Names in a `--grant` that nothing has, looked for once the answer was no: by the catalog that the agent signed."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import UNSET

from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.suggest import did_you_mean
from p0_launcher.api import Api
from p0_launcher.catalogs import newest_catalog
from p0_launcher.errors import LauncherError
from p0_launcher.wallet import Wallet


async def misspelt(api: Api, wallet: Wallet, database: str, what: What, *, pins: Collection[str]) -> str | None:
    """What to write instead; None where every table and column is there, or no catalog is to be seen."""
    try:
        view = await api.catalog(database)
        catalog = None if view is None else await newest_catalog(view, database=database, pins=pins, wallet=wallet)
    except LauncherError:
        return None
    named = () if what.grant is UNSET else what.grant
    hints = (None if catalog is None else _hint(catalog, each) for each in named)
    return next((hint for hint in hints if hint is not None), None)


def _hint(catalog: Catalog, named: Permission) -> str | None:
    if named.kind not in {Kind.RELATION, Kind.COLUMN} or named.schema is None or named.object is None:
        return None
    name = f"{named.schema}.{named.object}"
    relation = catalog.relation(named.schema, named.object)
    if relation is None:
        near = did_you_mean(name, (f"{schema}.{each}" for schema, each in catalog.tables()))
        return f"There is no {name}. {near or f'p0 ls {catalog.database} lists what there is'}"
    columns = [each.name for each in relation.columns]
    if named.column is None or named.column in columns:
        return None
    near = did_you_mean(named.column, columns)
    return f"{name} has no column {named.column}. {near or f'p0 ls {catalog.database} {name} lists them'}"
