"""`docs/protocol.md` names what there is: every signed record, every kind of entry in the evidence, every step."""

from __future__ import annotations

import re
from pathlib import Path

from p0_access.messages import mandates, records
from p0_access.messages.records import Record
from p0_access.proof.evidence import GENESIS
from p0_access.proof.possession import Possession
from p0_agent.core.refusals import LEFT_OUT
from p0_agent.errors import Step
from p0_agent.start_record import REWOUND

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text()


def section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_signed_record_is_in_the_table() -> None:
    found = [value for module in (records, mandates) for value in vars(module).values()]
    types = {each.TYP for each in found if isinstance(each, type) and issubclass(each, Record) and "TYP" in vars(each)}
    listed = set(re.findall(r"^\| \w+ \| `([^`]+)` \|", section("Signed records"), re.MULTILINE))
    assert listed - {"typ"} == {*types, Possession.TYP}


def test_every_kind_of_evidence_is_named() -> None:
    written = {GENESIS, LEFT_OUT, REWOUND}
    for path in (ROOT / "agent" / "p0_agent").rglob("*.py"):
        written |= set(re.findall(r'(?:evidence\.append|said =|now,) ?\(\s*"([a-z-]+)", ', path.read_text()))
    assert {"credential", "deletion", "refusal", "server-end"} <= written
    named = set(re.findall(r"`([a-z-]+)`", section("Evidence")))
    assert {kind for kind in written if kind not in named} == set()


def test_every_step_has_its_number() -> None:
    numbers = re.findall(r"^(\d+)\. ", section("The order of verification"), re.MULTILINE)
    assert [int(number) for number in numbers] == [step.value for step in Step]
