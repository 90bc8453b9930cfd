"""The fuzz target runs for a few seconds, from the cases of inference, and it can fail."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from fix_inference import CASES, cases
from fuzz.readings import BrokenPromiseError, check, sample
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.permission import any_column
from p0_access.permissions.reading import Need, Reading, Refused, StatementReading

RUN: Final = Path(__file__).with_name("run.py")
SECONDS: Final = 5
FEWEST: Final = 200
"""Of runs, on a machine that does much else meanwhile."""


@pytest.fixture(scope="module")
def plain_catalog() -> Catalog:
    return sample(CASES)


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="there is no atheris for this Python or platform"
)
def test_nothing_breaks_a_promise(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, RUN, f"-max_total_time={SECONDS}", "-seed=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    runs = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    assert runs is not None
    assert int(runs.group(1)) > FEWEST


def test_the_sentences_it_begins_with_are_understood(plain_catalog: Catalog) -> None:
    """Else it would look at nothing but refusals."""
    understood = [check(each.sql, plain_catalog) for each in cases("select", "utility", "writing")]
    assert sum(understood) > 100


def _without_a_relation(reading: StatementReading) -> StatementReading:
    gone = next(need.permission.object for need in reading.needs if need.permission.column is not None)
    return msgspec.structs.replace(
        reading, needs=tuple(each for each in reading.needs if each.permission.object != gone)
    )


def _with_another(reading: StatementReading) -> StatementReading:
    return msgspec.structs.replace(
        reading, needs=(*reading.needs, Need(permission=any_column("hr", "depts", "SELECT"), why=()))
    )


@pytest.mark.parametrize("bent", [_without_a_relation, _with_another])
def test_fewer_or_other_relations_are_found_out(
    bent: Callable[[StatementReading], StatementReading], plain_catalog: Catalog
) -> None:
    def reader(text: str, catalog: Catalog, *, search_path: tuple[str, ...]) -> Reading:
        found = read(text, catalog, search_path=search_path)
        return tuple(each if isinstance(each, Refused) else bent(each) for each in found)

    text = "select e.name, u.login from hr.employees e join users u using (id)"
    assert check(text, plain_catalog)
    with pytest.raises(BrokenPromiseError):
        check(text, plain_catalog, reader)
