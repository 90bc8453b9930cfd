"""docs/rules.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fix_routing import question
from p0_access.errors import RulesError
from p0_access.permissions.permission import Permission, column, connect, relation
from p0_access.routing import grammar
from p0_access.routing.decide import route
from p0_access.routing.decision import Automatic, Denied, NeedsApproval, Requestor
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet

TEXT = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")
ANALYST = Requestor(iss="https://id.corp.example", sub="u", groups=("analysts",))


def example() -> RuleSet:
    found = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return load(found[1].encode(), source="docs/rules.md")


@pytest.mark.parametrize(("permission", "verdict"), [
    (connect("prod-sales"), Automatic),
    (column("enterprise", "markets", "id", "SELECT"), Automatic),
    (column("enterprise", "customers", "email", "SELECT"), NeedsApproval),
    (column("enterprise", "customers", "name", "SELECT"), Denied),
    (relation("ledger", "entries", "DELETE"), Denied),
])  # fmt: skip
def test_the_example_loads_and_decides(permission: Permission, verdict: type) -> None:
    asked = question(permission, database="prod-sales", requestor=ANALYST)
    assert type(route(example(), asked)) is verdict


def test_the_example_of_an_error_is_real() -> None:
    document = "version: 1\nrules:\n  - name: a\n    resource: {databases: [a]}\n    access: {privileges: [select]}"
    with pytest.raises(RulesError, match=r': "select" is not a privilege$') as caught:
        load(document.encode() + b"\n    approval: {auto: true}", source="rules.yaml")
    assert f"hint: {caught.value.hint}" in TEXT


def test_every_privilege_and_kind_and_key_is_there() -> None:
    for word in grammar.PRIVILEGES:
        assert re.search(rf"\b{word}\b", TEXT)
    for word in (*grammar.KINDS, *grammar.VERDICTS):
        assert f"`{word}" in TEXT
    for table in (grammar.DOCUMENT, *grammar.NAMED.values()):
        for word in table.keys:
            assert re.search(rf"`(?:defaults\.)?{word}\b|\b{word}: ", TEXT), f"{table.what}: {word}"
