"""What `p0` loads: nothing heavy before it is needed, and nothing of the other parts on the way to psql."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

HEAVY = {
    "httpx", "keyring", "textual", "sqlglot", "psycopg", "pydantic", "starlette", "jwt", "postgast", "rich",
    "cryptography", "msgspec", "asyncio.base_events",
}  # fmt: skip
NEVER_FOR_PSQL = {"textual", "sqlglot", "psycopg", "pydantic", "starlette", "rich", "pygments", "postgast", "jwt"}

PSQL = """
import sys
sys.argv = ["p0", "psql", "-d", "x", "-c", "select 1 /* :: */", "--reason", "x"]
from p0_launcher import main
try:
    main.main()
except SystemExit as ended:
    assert ended.code == 78, ended.code
import p0_launcher.connection, p0_launcher.psql.handover, p0_launcher.psql.watcher, p0_launcher.render
"""


def loaded(program: str) -> set[str]:
    """The modules that are loaded after `program`."""
    code = f"{program}\nprint('\\n'.join(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"P0_CONFIG": "/nowhere"}
    )
    return set(ran.stdout.split("\n"))


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert HEAVY & loaded("import sys, p0_launcher.main") == set()


def test_the_way_to_psql_stays_clear_of_the_other_parts() -> None:
    found = loaded(PSQL)
    assert NEVER_FOR_PSQL & found == set()
    assert "httpx" in found


COMMANDS = (
    "psql", "explain", "ls", "requests", "show", "approve", "deny", "relinquish", "revoke", "login", "logout", "whoami",
    "tui",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "p0_launcher", command, "--help"], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert f"p0 {command}" in ran.stdout.partition("Options:")[0].partition("Usage:")[2].partition("\n")[2]


def test_the_version_is_told_without_a_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "p0_launcher", "--version"], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == (f"p0 {version('p0')}\n", "")
