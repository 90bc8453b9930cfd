"""The whole API against its own description, by schemathesis: whatever is sent, nothing undescribed comes back.

Calls are signed as they should be, by a person or the agent, so that they get past the door. Some name a request or
database that is there, and some hand in an act that was really signed, of whatever kind. What the description allows
is sent, and what it does not.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import hypothesis
import msgspec
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import strategies
from schemathesis.checks import CheckFunction, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi_checks

from fix_plane import CUSTOMERS, Caller, Plane
from fix_scripted_agent import by
from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.views import RequestView
from p0_access.proof.possession import prove
from p0_server.api.openapi import document
from p0_server.rate import BURST

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES: Final = 24
"""For each operation."""

NEVER_ENDING: Final = "/v1/events"
"""A stream has its own tests."""

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [
    f"{method} {path}"
    for path, methods in document()["paths"].items()
    for method in methods
    if path != NEVER_ENDING
]  # fmt: skip


class Door:
    """Signs calls. Whoever has called as often as one may is followed by another."""

    def __init__(self, plane: Plane, view: RequestView) -> None:
        self.plane = plane
        self.view = view
        self.names = {"rid": view.rid, "name": "mydatabase", "database": "mydatabase"}
        self._calls = itertools.count()
        self._callers: dict[int, Caller] = {}

    @property
    def caller(self) -> Caller:
        turn = next(self._calls) // (BURST - 50)
        if turn not in self._callers:
            self._callers[turn] = self.plane.caller(f"fuzz{turn}", "analysts", "privacy")
        return self._callers[turn]

    def headers(self, caller: Caller, method: str, path: str) -> dict[str, str]:
        return self._of_agent(method, path) if path.startswith("/v1/agent/") else caller.headers(method, path)

    def acts(self, caller: Caller) -> Iterator[SignedAct]:
        """For ever, one of each kind after another."""
        while True:
            yield caller.request()
            yield caller.collection(self.view)
            yield caller.ending(self.view, "cancel")
            yield caller.approval(self.view)
            yield caller.approval(self.view, "deny", comment="")
            yield caller.ending(self.view, "revoke")

    def _of_agent(self, method: str, path: str) -> dict[str, str]:
        agent = self.plane.agent
        credential = agent.key.public.thumbprint
        now, jti = int(self.plane.clock()), b64u(next(self._calls).to_bytes(16, "big"))
        proof = prove(agent.key, method=method, url=agent.url + path, credential=credential, now=now, jti=jti)
        return {"Authorization": f"P0-Agent {credential}", "DPoP": proof}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    plane = Plane(directory=tmp_path_factory.mktemp("fuzzed"))
    async with plane.running():
        await plane.agent.announce()
        await plane.agent.publish()
        view = await plane.ada.submit(CUSTOMERS)
        await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
        yield Door(plane, await plane.ada.view(view.rid))


@pytest.mark.parametrize("label", OPERATIONS)
async def test_nothing_that_is_not_described_comes_back(door: Door, label: str) -> None:
    method, path = label.split(" ")
    await asyncio.to_thread(_fuzz, door, SCHEMA[path][method])


async def test_an_answer_that_is_not_described_is_noticed(door: Door) -> None:
    described = document()
    del described["paths"]["/v1/requests/{rid}"]["get"]["responses"]["404"]
    operation = schemathesis.openapi.from_dict(described)["/v1/requests/{rid}"]["get"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        await asyncio.to_thread(_fuzz, door, operation)


def _fuzz(door: Door, operation: schemathesis.APIOperation[Any, Any, Any, Any]) -> None:
    numbers = itertools.count()
    takes_act = operation.definition.raw.get("requestBody", {}).get("content", {}) == _ACT
    acts = door.acts(door.caller)
    sent = [operation.as_strategy(), operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=strategies.one_of(sent) if operation.body or operation.query else sent[0])
    def one(case: schemathesis.Case[Any]) -> None:
        number, caller = next(numbers), door.caller
        for given in (case.path_parameters, case.body) if number % 2 else ():
            if isinstance(given, dict):
                given.update({name: known for name, known in door.names.items() if name in given})
        if takes_act and number % 3:
            case.body = msgspec.to_builtins(next(acts))
        for given in (case.query, case.body):
            if isinstance(given, dict) and given.get("wait"):
                given["wait"] = 0  # nobody has all day
        url = door.plane.url
        called = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare().url or ""
        headers = door.headers(caller, operation.method.upper(), urlsplit(called).path)
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=20)

    one()


_ACT: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/SignedAct"}}}

load_all_checks()
CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
