"""Mutation testing of what decides whose act something is: `make mutants`.

mutmut changes one thing at a time in the verification, in a copy of the code, and runs the tests of the proofs. Each
mutant that they do not notice stands in `tests/mutants.toml` with the reason, or is printed, and the exit status is 1.
An entry that no mutant needs any more is printed, too.

Changes of nothing but words for people (the message or hint of an error) need no reason: codes are what is relied on.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("access/p0_access", "agent/p0_agent", "launcher/p0_launcher", "server/p0_server")
TESTS: Final = ("tests/unit/access/proof", "tests/unit/agent/verification")
CONFIGURATION: Final = f"""
[tool.pytest.ini_options]
addopts = ["--strict-markers", "--import-mode=importlib"]
pythonpath = ["tests"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"

[tool.mutmut]
source_paths = ["p0_access", "p0_agent"]
only_mutate = ["p0_access/proof/*.py", "p0_agent/verification/*.py", "p0_access/messages/identity.py"]
also_copy = ["docs", "p0_launcher", "p0_server"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-x", "-k", "not of_every_kind and not files_are"]
pytest_add_cli_args_test_selection = {list(TESTS)}
use_git_change_detection = false
"""
_RESULT: Final = re.compile(r"^\s*(\S+): (\S.*)$")
_MUTANT: Final = re.compile(r"__mutmut_(?:orig|\d+)$")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", default=str(os.cpu_count() or 1), help="how many tests run at a time")
    parser.add_argument("--keep", type=Path, help="work in this directory, and leave it there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p0-mutants-") as made:
        place = Path(made) if given.keep is None else given.keep
        if not (place / "pyproject.toml").exists():
            _lay_out(place)
        ran = _mutmut(place, "run", "--max-children", given.children)
        if ran.returncode:
            sys.stderr.write(ran.stdout[-4_000:])
            return ran.returncode
        return _report(list(_survivors(place, _mutmut(place, "results").stdout)), ran.stdout)


def _mutmut(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    environment = os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 - its own arguments
        command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )


def _lay_out(place: Path) -> None:
    """A copy with the packages side by side, as mutmut wants them, and the tests of the proofs alone."""
    leave = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, place / Path(package).name, ignore=leave)
    for tests in TESTS:
        shutil.copytree(ROOT / tests, place / tests, ignore=leave)
    shutil.copytree(ROOT / "docs", place / "docs")
    for fixtures in (ROOT / "tests").glob("fix_*.py"):
        shutil.copy(fixtures, place / "tests")
    (place / "pyproject.toml").write_text(CONFIGURATION)


def _survivors(place: Path, results: str) -> Iterator[tuple[str, str, str]]:
    """(function, outcome, change) of each mutant that no test noticed, apart from changes of words."""
    parsed: dict[str, dict[str, ast.AST]] = {}
    for line in results.splitlines():
        found = _RESULT.match(line)
        if found is None or found[2] == "timeout":  # a test that never ends is a test that fails
            continue
        module, _, mutant = found[1].rpartition(".")
        if module not in parsed:
            parsed[module] = _functions(place / "mutants" / (module.replace(".", "/") + ".py"))
        name = _MUTANT.sub("", mutant)
        before, after = parsed[module][name + "__mutmut_orig"], parsed[module][mutant]
        if _meaning(before) != _meaning(after):
            spelled = name.removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
            yield f"{module}.{spelled}", found[2], _change(before, after)


def _functions(path: Path) -> dict[str, ast.AST]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def _copy(function: ast.AST) -> ast.AST:
    copied = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(copied, ast.FunctionDef | ast.AsyncFunctionDef)
    copied.name = ""
    return copied


def _meaning(function: ast.AST) -> str:
    return ast.dump(_Wordless().visit(_copy(function)))


class _Wordless(ast.NodeTransformer):
    """Takes what is only for people out of errors and findings."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name.endswith("Error"):
            node.args = []
            node.keywords = [each for each in node.keywords if each.arg != "hint"]
        elif name == "Finding":
            node.keywords = [each for each in node.keywords if each.arg != "message"]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.targets[0]) in {"message", "missing"}:
            node.value = ast.Constant(value="")
        return node


def _change(before: ast.AST, after: ast.AST) -> str:
    """`old → new`, of the lines that differ."""
    olds, news = (ast.unparse(_copy(each)).splitlines() for each in (before, after))
    old = [line.strip() for line in olds if line not in news]
    new = [line.strip() for line in news if line not in olds]
    return f"{' '.join(old)} → {' '.join(new)}"


def _report(survivors: list[tuple[str, str, str]], log: str) -> int:
    table = ROOT / "tests" / "mutants.toml"
    known = tomllib.loads(table.read_text(encoding="utf-8")).get("mutant", [])
    reasons = {(each["function"], each["change"]) for each in known}
    told = sorted({each for each in survivors if (each[0], each[2]) not in reasons})
    stale = sorted(reasons - {(function, change) for function, _, change in survivors})
    lines = [f"{function} ({outcome}): {change}" for function, outcome, change in told]
    lines += [f"no such mutant any more: {function}: {change}" for function, change in stale]
    counts: list[str] = re.findall(r"(\d+)/\1 ", log)
    lines.append(
        f"{counts[-1] if counts else 'all'} mutants, {len(survivors)} not noticed, {len(told)} without a reason"
    )
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if told or stale else 0


if __name__ == "__main__":
    sys.exit(main())
