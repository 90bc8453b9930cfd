"""The cases of inference: SQL and what it needs, over one schema; and a database that holds that schema.

A case is SQL followed by indented lines: permissions (without CONNECT), `reaches …`, `warns …`, `writes`, or
`refused: code at line:column`. A permission marked `# not at every run` is needed for some data only, or without it
the statement runs and means something else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import pytest
import pytest_asyncio

from inference_proof.scripts import statements
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.reading import Reading, Refused
from p0_demo.postgres import EmbeddedPostgres

CASES: Final = Path(__file__).with_name("inference_cases")
SCHEMAS: Final = ("hr", "public", "shop", "util")
DATABASE: Final = "mydb"
INVOKERS_SINCE: Final = 150_000
_VIEW: Final = re.compile(r"VIEW (\S+)")
SOMETIMES: Final = "# not at every run"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    sql: str
    expected: tuple[str, ...]
    theme: str

    @property
    def understood(self) -> bool:
        return not any(line.startswith("refused") for line in self.expected)

    @property
    def sometimes(self) -> frozenset[str]:
        """The permissions, as text, that this database's data does not exercise."""
        return frozenset(line.removesuffix(SOMETIMES).strip() for line in self.expected if line.endswith(SOMETIMES))


def cases(*themes: str) -> list[Case]:
    found: list[Case] = []
    for theme in themes:
        for block in (CASES / f"{theme}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
            lines = block.split("\n")
            sql = "\n".join(line for line in lines if not line.startswith("    "))
            found.append(
                Case(sql=sql, expected=tuple(line.strip() for line in lines if line.startswith("    ")), theme=theme)
            )
    return found


def described(reading: Reading) -> list[str]:
    """A reading as the lines of a case."""
    lines: list[str] = []
    for statement in reading:
        if isinstance(statement, Refused):
            lines.append(f"refused: {statement.code} at {statement.line}:{statement.column}")
            continue
        lines += [str(item) for item in statement.permissions if item.privilege != "CONNECT"]
        lines += [f"reaches {item}" for item in statement.reached]
        lines += [f"warns {item.code}" for item in statement.warnings]
        if statement.writes:
            lines.append("writes")
    return lines


def schema_for(server_version: int) -> bytes:
    """The cases' schema; before PostgreSQL 15 without the views of their callers' rights, and what is made of them."""
    text = (CASES / "schema.sql").read_text(encoding="utf-8")
    if server_version < INVOKERS_SINCE:
        gone: list[str] = []
        kept = []
        for statement in statements(text):
            if any(name in statement for name in ("security_invoker", *gone)):
                gone += _VIEW.findall(statement)
            else:
                kept.append(statement)
        text = ";\n".join(kept)
    return text.encode()


@pytest.fixture(scope="session")
def shop_catalog() -> Catalog:
    """The snapshot of the cases' schema; an integration test keeps it true."""
    return msgspec.json.decode((CASES / "catalog.json").read_bytes(), type=Catalog)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database with the cases' schema and a few rows; nobody writes to it for good."""
    from fix_postgres import fresh_database  # a plugin itself: pytest wants to be the first to import it

    async with fresh_database(postgres, name=DATABASE, template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await connection.execute(schema_for(connection.info.server_version))
        yield name
