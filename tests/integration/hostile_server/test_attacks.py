"""Everything a hostile server tries, against the real agent core on a real PostgreSQL and the launcher's checks.

`docs/security.md` lists the attacks; a test here keeps it so. To write it anew:

    P0_WRITE_DOCS=1 .venv/bin/python -m pytest tests/integration/hostile_server -k listed
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fix_agent_core import Bench
from fix_hostile_server import Hostile, Theme, refused
from hostile import approvals, identities, launchers, mandates, messages, order, step_ups, workloads

THEMES: list[Theme] = [
    messages.CHANGED, messages.MALFORMED, messages.UNDERSTOOD, identities.TOKENS, identities.SESSIONS,
    step_ups.STEP_UPS, step_ups.PASTED, workloads.WORKLOADS, workloads.HUMANS,
    approvals.APPROVALS, approvals.COLLECTIONS, mandates.MANDATES, mandates.EMERGENCIES,
    order.ORDER, launchers.REQUESTOR, launchers.CATALOG, launchers.APPROVER,
]  # fmt: skip
BESIDE = {order.ORDER: [order.RESTORED, order.RESTORED_MANDATES]}
"""Listed after these, and run by `test_backups`."""
DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"
MARKS = ("<!-- {}: written by the tests -->\n", "<!-- end of {} -->\n")


@pytest.fixture
async def hostile(bench: Bench) -> AsyncIterator[Hostile]:
    server = Hostile(bench=bench)
    yield server
    await server.stop()


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.title)
async def test_every_attack_is_refused_where_it_should_be(hostile: Hostile, theme: Theme) -> None:
    found = {}
    for attack in theme.attacks:
        found[attack.name] = await refused(attack, hostile)
        hostile.reset()
        await hostile.stop()
        assert await hostile.bench.roles() == [], attack.name
    assert found == {attack.name: (attack.step, attack.code) for attack in theme.attacks}


ALL = [each for theme in THEMES for each in (theme, *BESIDE.get(theme, ()))]


def listed() -> str:
    lines = ["| attack | refused at | code |", "|---|---|---|"]
    for theme in ALL:
        lines.append(f"| **{theme.title}** | | |")
        for attack in theme.attacks:
            where = "the launcher" if attack.step is None else f"step {attack.step}"
            lines.append(f"| {attack.name} | {where} | `{attack.code}` |")
    return "\n".join(lines) + "\n"


def codes() -> dict[int, list[str]]:
    """By the agent's step."""
    found: dict[int, set[str]] = {}
    for theme in ALL:
        for attack in theme.attacks:
            if attack.step is not None:
                found.setdefault(attack.step, set()).add(attack.code)
    return {step: sorted(found[step]) for step in sorted(found)}


def listed_by_step() -> str:
    lines = ["| step | codes |", "|---|---|"]
    lines += [f"| {step} | {' '.join(f'`{code}`' for code in found)} |" for step, found in codes().items()]
    return "\n".join(lines) + "\n"


def test_a_code_of_the_first_steps_is_of_one_step_alone() -> None:
    found = codes()
    assert set(found) >= set(range(1, 12))
    for step in range(1, 6):
        elsewhere = {code for other, known in found.items() if other != step for code in known}
        assert elsewhere.isdisjoint(found[step]), step


def test_the_attacks_are_listed_in_the_document() -> None:
    whole = DOCUMENT.read_text()
    for name, written in (("attacks", listed()), ("codes", listed_by_step())):
        begin, end = (mark.format(name) for mark in MARKS)
        before, _, rest = whole.partition(begin)
        whole = before + begin + written + end + rest.partition(end)[2]
    if os.environ.get("P0_WRITE_DOCS"):
        DOCUMENT.write_text(whole)
    assert DOCUMENT.read_text() == whole, "stale: see the command at the top of this module"


def test_every_attack_has_a_name_of_its_own() -> None:
    for theme in ALL:
        names = [attack.name for attack in theme.attacks]
        assert len(names) == len(set(names)), theme.title
