"""docs/server.md against the code: its examples are configurations that load, and what it names is there."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import msgspec

from p0_access.encoding import decode
from p0_access.proof.keys import SigningKey
from p0_access.routing.directory import load_directory
from p0_access.settings import parse_settings
from p0_server.config import Settings
from p0_server.notices.notice import Notice
from p0_server.notices.outbox import DELAYS
from p0_server.rate import BURST, PER_SECOND

DOCS = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
KEY = SigningKey(b"\x01" * 32).public


def test_the_examples_load() -> None:
    main, directory, notices = TOML
    whole = main.replace('thumbprint = "…"', f'thumbprint = "{KEY.thumbprint}"').replace('x = "…"', f'x = "{KEY.x}"')
    settings = parse_settings(whole + notices, Settings, source="server.toml")
    assert [target.name for target in settings.notices] == ["tickets", "dba-channel", "security"]
    assert load_directory(directory.encode(), source="groups.toml").groups == {"analysts"}
    (csv,) = re.findall(r"```\n(group,.*?)```", DOCS, re.DOTALL)
    assert load_directory(csv.encode(), source="groups.csv").groups == {"analysts"}
    assert tomllib.loads(main).keys() - {"agents", "issuers", "tls"} <= {each.name for each in _fields()}


def test_a_notice_looks_like_this() -> None:
    (body,) = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    sent = json.loads(body)
    assert sent["type"] == "request." + sent["data"]["kind"]
    assert msgspec.to_builtins(decode(json.dumps(sent["data"]).encode(), Notice)) == sent["data"]


def test_figures() -> None:
    assert f"{BURST} calls at once and {PER_SECOND:g} a second" in DOCS
    assert DELAYS == (5, 30, 120, 600, 3600, 14_400, 43_200)
    assert "after 5 s, 30 s, 2 min, 10 min, 1 h, 4 h and 12 h" in DOCS


def _fields() -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(Settings)
