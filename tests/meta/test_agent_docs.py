"""docs/agent.md against the code: its example is a configuration that loads, and what it names is there."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from p0_agent.config import load
from p0_agent.postgres import grants, hardening

DOCS = (Path(__file__).parents[2] / "docs" / "agent.md").read_text()


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    path = tmp_path / "agent.toml"
    path.write_text(example)
    settings = load(path)
    assert (settings.cluster.mode, settings.ceiling.roles) == ("hardened", ("reporting",))


def test_figures_and_names_are_those_of_the_code() -> None:
    assert f"{grants.ACL_ROOM:,} an access is refused" in DOCS
    assert f"lists of {hardening.ACL_ENTRIES:,} and more" in DOCS
    sql = resources.files("p0_agent.postgres").joinpath("sql", "bootstrap_home.sql").read_text()
    for name in ("p0.verifier_is",):
        assert name in DOCS
        assert name in sql
