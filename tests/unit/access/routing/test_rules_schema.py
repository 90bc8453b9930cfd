"""docs/rules.schema.json is what the loader's tables say, and agrees with `load` on what has the right shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from ruamel.yaml import YAML

from p0_access.errors import RulesError
from p0_access.routing.load import load
from p0_access.routing.schema import schema, schema_text

ROOT = Path(__file__).parents[4]
RENEW = "renew it: p0 rules schema > docs/rules.schema.json"
VALIDATOR = Draft202012Validator(schema())


def accepted(document: str) -> bool:
    return bool(VALIDATOR.is_valid(json.loads(json.dumps(YAML(typ="safe", pure=True).load(document)))))


def test_the_file_is_up_to_date() -> None:
    assert (ROOT / "docs" / "rules.schema.json").read_text(encoding="utf-8") == schema_text(), RENEW
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "docs" / "policies").glob("*/rules.yaml")), ROOT / "launcher/p0_demo/data/rules.yaml"]
)
def test_good_rules_fit(path: Path) -> None:
    load(path.read_bytes(), source=str(path))
    assert accepted(path.read_text(encoding="utf-8"))


RULE = 'version: 1\nrules:\n  - name: a\n    resource: {databases: ["*"]}\n    approval: {auto: true}\n'


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", "version: 2"),
        ("approval: {auto: true}", "approval: {auto: false}"),
        ("approval: {auto: true}", "approval: {auto: true, deny: No.}"),
        ("approval: {auto: true}", "approval: {approvers: {groups: []}}"),
        ("approval: {auto: true}", "approval: {approvers: {groups: [a]}, count: 21}"),
        ("approval: {auto: true}", "approval: {break_glass: {}}"),
        ("approval: {auto: true}", "approval: {auto: true, max_ttl: 30}"),
        ("resource: {databases", "resource: {database"),
        ("    approval: {auto: true}\n", ""),
        ("    approval", "    access: {privileges: [select]}\n    approval"),
        ("name: a", "name: a b"),
    ],
)
def test_what_has_the_wrong_shape_is_refused_by_both(right: str, wrong: str) -> None:
    assert accepted(RULE)
    document = RULE.replace(right, wrong)
    assert document != RULE
    assert not accepted(document)
    with pytest.raises(RulesError):
        load(document.encode(), source="rules.yaml")
