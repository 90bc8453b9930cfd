"""What somebody may not know of is answered as what is not there, wherever they look for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fix_plane import MARKETS, Plane, code

RULES = """\
version: 1
databases: {"public-*": {catalog: open}}
rules:
  - name: connect
    resource: {databases: ["mydatabase"]}
    access: {privileges: [CONNECT]}
    approval: {auto: true}
  - name: markets
    requestor: {groups: [analysts]}
    resource: {databases: ["mydatabase", "silent"], relations: ["enterprise.markets"]}
    approval: {approvers: {groups: [privacy]}}
"""


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Plane]:
    found = Plane(directory=tmp_path)
    found.agent.databases = ("mydatabase", "silent", "public-1", "public-2")
    (tmp_path / "rules.yaml").write_text(RULES)
    async with found.running():
        await found.agent.announce()
        await found.agent.publish()
        yield found


async def test_each_sees_what_some_rule_could_give_them_or_have_them_review(ruled: Plane) -> None:
    async def listed(name: str, *groups: str) -> dict[str, str | None]:
        answer = await ruled.caller(name, *groups).get("/v1/databases")
        return {each["name"]: each["catalog_version"] for each in answer.json()["databases"]}

    opened: dict[str, str | None] = {"public-1": None, "public-2": None}
    assert await listed("ada", "analysts") == {"mydatabase": "v1", "silent": None, **opened}
    assert await listed("pat", "privacy") == {"mydatabase": "v1", "silent": None, **opened}
    assert await listed("eve") == {"mydatabase": None, **opened}


async def test_a_hidden_database_is_as_one_that_is_not_there(ruled: Plane) -> None:
    async def asked(database: str) -> list[tuple[int, Any, Any]]:
        body = {"database": database, "statements": [MARKETS]}
        answers = [
            await ruled.eve.get(f"/v1/databases/{database}/catalog"),
            await ruled.eve.call("POST", "/v1/explain", body),
            await ruled.eve.post("/v1/requests", ruled.eve.request(database=database)),
        ]
        told = [(each.status_code, each.json(), dict(each.headers)) for each in answers]
        for _, _, headers in told:
            del headers["date"]
        return told

    hidden, missing = await asked("silent"), await asked("absent")
    assert [(status, body["error"]["code"]) for status, body, _ in hidden] == [(404, "unknown_database")] * 3
    assert str(hidden).replace("silent", "absent") == str(missing)
    assert await ruled.agent.claim() == []


async def test_a_hidden_database_is_not_suggested(ruled: Plane) -> None:
    async def hint(of: Any) -> str:
        answer = await of.post("/v1/requests", of.request(database="silen"))
        return str(answer.json()["error"]["hint"])

    assert await hint(ruled.ada) == "Did you mean silent?"
    assert await hint(ruled.eve) == "p0 ls lists the databases"


async def test_a_hidden_catalog_is_as_one_without_anything_in_it(ruled: Plane) -> None:
    missing = await ruled.ada.get("/v1/databases/silent/catalog")
    hidden = await ruled.eve.get("/v1/databases/mydatabase/catalog")
    assert code(hidden) == code(missing) == (503, "catalog_missing")
    assert hidden.text.replace("mydatabase", "silent") == missing.text

    async def read(sql: str) -> Any:
        body = {"database": "mydatabase", "statements": [sql]}
        return (await ruled.eve.call("POST", "/v1/explain", body)).json()

    hides, lacks = await read("select id from enterprise.markets"), await read("select id from enterprise.nothing")
    assert str(hides).replace("markets", "nothing") == str(lacks)
    assert hides["statements"][0]["code"] == "unknown_table"
    assert (await read("select 1"))["decision"]["verdict"] == "auto"
    view = await ruled.eve.submit(MARKETS)
    assert view.decision is None  # it goes to the agent, which decides by its own rules


async def test_who_loses_sight_keeps_their_own_requests(ruled: Plane) -> None:
    view = await ruled.ada.submit(MARKETS)
    other = ruled.caller("ada")  # the same person, no longer an analyst
    assert (await other.view(view.rid)).rid == view.rid
