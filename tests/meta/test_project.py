"""The project as a whole: documents, dependencies, commands, imports and the wheel say the same as the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "access/p0_access",
    "agent/p0_agent",
    "launcher/p0_demo",
    "launcher/p0_launcher",
    "server/p0_server",
    "tui/p0_tui",
)

DEFERRED = ("httpx", "keyring", "psycopg", "pydantic", "sqlglot", "starlette", "textual")
"""What the launcher loads only when it is needed: each costs more than a command line's start may take."""


@cache
def tracked() -> tuple[str, ...]:
    """The files of the repository, those just added included, without those just removed."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text_of(name: str) -> str:
    """A file's text; empty for one that is not text."""
    content = (ROOT / name).read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def run(*command: str, cwd: Path = ROOT) -> str:
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


# Documents


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(document: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(<?([^)>\s]+)>?[^)]*\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    return broken


def test_links_between_documents_resolve() -> None:
    documents = [name for name in tracked() if name.endswith(".md")]
    assert "README.md" in documents
    assert {name: found for name in documents if (found := broken_links(ROOT / name))} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# One two\n[a](gone.md) [b](page.md#one-two) [c](#three) [d](https://x) `[e](code)`\n")
    assert broken_links(document) == ["gone.md", "#three"]


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(Path(name).name for name in tracked() if name.startswith("docs/decisions/"))
    assert [name[:5] for name in names] == [f"{number:04}-" for number in range(1, len(names) + 1)]


def test_the_changelog_starts_with_this_version() -> None:
    entries = re.findall(
        r"^## \[?(\d\S*?)\]?(?: |$)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert entries[0] == project()["project"]["version"]


# What must not be in the repository


def test_no_paths_of_a_machine() -> None:
    own = {str(path) for path in (ROOT, Path.home(), Path(sys.prefix)) if len(path.parts) > 2}
    homes = re.compile(r"(?<![\w.$}])/(?:home|root|Users)/\w")
    found = [
        f"{name}: {line.strip()[:100]}"
        for name in tracked()
        for line in text_of(name).splitlines()
        if homes.search(line) or any(path in line for path in own)
    ]
    assert found == []


def test_no_package_registries() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb." + "debian.org"]
    found = [f"{name}: {host}" for name in tracked() for host in hosts if host in text_of(name)]
    assert found == []
    assert "://" not in text_of("lock.txt")
    assert [name for name in tracked() if name.endswith("package-lock.json") and '"resolved"' in text_of(name)] == []


def test_no_repeated_group_is_possessive() -> None:
    """Python before 3.11.5 matches those wrongly (gh-106052), and we run on 3.11.0: atomic groups say the same."""
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")
    packages = ("access/", "agent/", "launcher/", "server/", "tui/")
    found = [name for name in tracked() if name.startswith(packages) and possessive.search(text_of(name))]
    assert found == []


# Dependencies


def distribution(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def shipped_dependencies() -> set[str]:
    section = project()["project"]
    requirements = [
        *section["dependencies"],
        *(item for extra in section["optional-dependencies"].values() for item in extra),
    ]
    return {distribution(requirement) for requirement in requirements} - {"p0"}


def development_dependencies() -> set[str]:
    return {distribution(requirement) for requirement in project()["dependency-groups"]["dev"]}


def used_modules() -> set[str]:
    """Top-level modules that the packages import, or find without importing (`find_spec`)."""
    used = set()
    for name in tracked():
        if not (name.endswith(".py") and name.startswith(PACKAGES)):
            continue
        for node in ast.walk(ast.parse(text_of(name))):
            match node:
                case ast.Import(names=aliases):
                    used |= {alias.name.partition(".")[0] for alias in aliases}
                case ast.ImportFrom(module=str(module), level=0):
                    used.add(module.partition(".")[0])
                case ast.Call(func=ast.Attribute(attr="find_spec"), args=[ast.Constant(value=str(module))]):
                    used.add(module.partition(".")[0])
    return used


def test_every_shipped_dependency_is_used() -> None:
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for name in distributions:
            modules.setdefault(distribution(name), set()).add(module)
    used = used_modules()
    assert {name for name in shipped_dependencies() if not modules.get(name, set()) & used} == set()


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text(encoding="utf-8")
    explained = {distribution(name) for name in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    assert explained == shipped_dependencies() | development_dependencies()


def test_every_dependency_is_locked() -> None:
    locked = {distribution(name) for name in re.findall(r"^([A-Za-z0-9][^=\s]*)==", text_of("lock.txt"), re.MULTILINE)}
    assert shipped_dependencies() | development_dependencies() <= locked
    assert re.findall(r"^[A-Za-z0-9][^\n]*==[^\n]*[^\\]$", text_of("lock.txt"), re.MULTILINE) == [], "without a hash"


# Commands


def test_make_help_lists_every_command() -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.MULTILINE)
    listed = run("make", "--no-print-directory", "help")
    assert phony.split() == re.findall(r"^  make ([\w-]+) +\S", listed, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(name for name in tracked() if name.endswith(".sh") or name == ".ci/run"))
def test_scripts_parse(name: str) -> None:
    shell = "bash" if text_of(name).startswith("#!/usr/bin/env bash") else "sh"
    run(shell, "-n", name)


def test_ci_is_executable() -> None:
    assert run("git", "-c", f"safe.directory={ROOT}", "ls-files", "--stage", ".ci/run").startswith("100755")


# Imports and the wheel


def test_the_launcher_starts_without_what_it_may_not_need() -> None:
    told = run(sys.executable, "-P", "-c", "import sys, p0_launcher.main; print(*sys.modules)")
    assert {name.partition(".")[0] for name in told.split()} & set(DEFERRED) == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-P", "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory))
    [built] = directory.glob("*.whl")
    return built


def test_the_wheel_holds_all_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {name.partition("/")[2] for name in tracked() if name.startswith(PACKAGES)}
    assert expected - names == set()
    assert {f"{package.partition('/')[2]}/py.typed" for package in PACKAGES} <= names
    version = project()["project"]["version"]
    tops = {name.partition("/")[0] for name in names}
    assert tops == {package.partition("/")[2] for package in PACKAGES} | {f"p0-{version}.dist-info"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        information = f"p0-{project()['project']['version']}.dist-info"
        metadata = archive.read(f"{information}/METADATA").decode()
        assert "License-Expression: Apache-2.0" in metadata
        assert b"p0 = p0_launcher.main:main" in archive.read(f"{information}/entry_points.txt")
        assert f"{information}/licenses/LICENSE" in archive.namelist()
