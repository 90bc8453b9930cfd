"""The OpenAPI document against the routes, both ways, against the records, and against the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from fix_plane import Plane
from p0_access.messages import views
from p0_access.messages.job import Result
from p0_server.api.openapi import document
from p0_server.app import create_app

DOCUMENT = document()
COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_the_committed_document_is_this_one() -> None:
    assert json.loads(COMMITTED.read_text()) == DOCUMENT, "python -m p0_server.api.openapi > docs/openapi.json"


def test_every_route_is_described_and_everything_described_is_routed(tmp_path: Path) -> None:
    app = create_app(Plane(directory=tmp_path).settings)
    routed = {
        (route.path, method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert len(app.routes) == len(routed)
    described = {(path, method) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert routed == described


@pytest.mark.parametrize(
    "type_",
    [views.RequestView, views.RequestSummary, views.Event, views.DatabaseView, views.CatalogView, views.Explained,
     views.Me, views.ErrorBody, Result],
)  # fmt: skip
def test_schemas_are_the_records(type_: type[msgspec.Struct]) -> None:
    (_,), components = msgspec.json.schema_components([type_], ref_template="#/components/schemas/{name}")
    expected = msgspec.json.decode(msgspec.json.encode(components[type_.__name__]))
    assert DOCUMENT["components"]["schemas"][type_.__name__] == expected


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    references = set(_references(DOCUMENT))
    assert references == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


def test_every_call_says_how_it_is_authenticated_and_how_it_fails() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            open_to_all = path in {"/v1/health", "/v1/openapi.json"}
            assert bool(operation["security"]) != open_to_all
            assert ("401" in operation["responses"]) != open_to_all
            assert ("413" in operation["responses"]) == ("requestBody" in operation)


async def test_it_is_served_to_everybody(plane: Plane) -> None:
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(plane.url + "/v1/openapi.json")).json() == DOCUMENT


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        mapped = value.get("mapping", {}).values() if "propertyName" in value else []
        return [*own, *mapped, *(each for item in value.values() for each in _references(item))]
    if isinstance(value, list):
        return [each for item in value for each in _references(item)]
    return []
