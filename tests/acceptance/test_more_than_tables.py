"""SQL that takes more than tables, as people type it: a private function, a temporary table, a large object."""

from __future__ import annotations

import re

import psycopg
import pytest

from fix_stage import Ran, p0, part
from p0_access.encoding import decode
from p0_access.permissions.permission import Permission
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

OBJECTS = """
CREATE FUNCTION enterprise.doubled(n integer) RETURNS integer LANGUAGE sql RETURN n * 2;
CREATE FUNCTION enterprise.close_books(n integer) RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN n;
CREATE FUNCTION enterprise.open_books(n integer) RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN n;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA enterprise FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA enterprise TO p0_broker WITH GRANT OPTION;
CREATE TYPE enterprise.mood AS ENUM ('good');
REVOKE USAGE ON TYPE enterprise.mood FROM PUBLIC;
GRANT USAGE ON TYPE enterprise.mood TO p0_broker WITH GRANT OPTION;
GRANT USAGE ON TYPE enterprise.mood TO p0_reader;
SELECT lo_from_bytea(4711, 'a scan'), lo_from_bytea(4712, 'another');
GRANT SELECT ON LARGE OBJECT 4711, 4712 TO p0_broker WITH GRANT OPTION
"""
RULES = """
  - name: more
    requestor: {groups: [analysts]}
    resource:
      databases: [mydatabase]
      functions: ["enterprise.*", enterprise.close_books]
      types: [enterprise.mood]
      large_objects: ["4711"]
    approval: {auto: true}
  - name: scratch
    requestor: {groups: [analysts]}
    resource: {databases: [mydatabase]}
    access: {privileges: [TEMPORARY]}
    approval: {auto: true}
"""
CEILING = """
[ceiling]
kinds = ["database", "schema", "relation", "column", "function", "type", "large_object"]
"""
SQL = """
CREATE TEMP TABLE scratch (n integer, mood enterprise.mood);
INSERT INTO scratch (n) SELECT enterprise.doubled(length(lo_get(4711)));
SELECT n, enterprise.close_books(n) FROM scratch
"""
NEEDED = {
    "CONNECT on database mydatabase",
    "TEMPORARY on database mydatabase",
    "USAGE on schema enterprise",
    "EXECUTE on function enterprise.doubled(integer)",
    "EXECUTE on function enterprise.close_books(integer)",
    "USAGE on type enterprise.mood",
    "SELECT on large object 4711",
}


async def ask(stage: Stage, sql: str, *more: str) -> Ran:
    return await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", "--no-wait", *more)


async def granted(stage: Stage, rid: str) -> set[str]:
    """What the agent noted, after it had read it back."""
    async with await psycopg.AsyncConnection.connect(**stage.postgres.superuser(DATABASE)) as superuser:
        cursor = await superuser.execute("SELECT granted FROM p0.request WHERE rid = %s", (rid,))
        row = await cursor.fetchone()
    assert row is not None
    return {str(each) for each in decode(str(row[0]).encode(), tuple[Permission, ...])}


async def test_functions_temporary_tables_and_large_objects() -> None:
    async with Stage(attended=False) as stage:
        async with await psycopg.AsyncConnection.connect(
            **stage.postgres.superuser(DATABASE), autocommit=True
        ) as superuser:
            await superuser.execute(OBJECTS.encode())
        for name, text in (("rules.yaml", RULES), ("agent.toml", CEILING)):
            with (stage.directory / name).open("a") as file:
                file.write(text)
        async with part(stage, "server"), part(stage, "agent"):
            assert (await p0(stage, DANA, "login", "--insecure-storage")).status == 0
            explained = await p0(stage, DANA, "explain", "-d", DATABASE, "-c", SQL)
            for needed in NEEDED:
                assert needed in explained.out, explained
            ran = await ask(stage, SQL, "--", "-qAtX")
            assert (ran.status, ran.out) == (0, "12|12\n"), ran
            (rid,) = set(re.findall(r"\br-[a-z2-7]{8}\b", ran.err))
            assert await granted(stage, rid) == NEEDED

            command = ("exec", "-d", DATABASE, "-c", SQL, "--reason", "a test", "--", str(stage.postgres.psql))
            ran = await p0(stage, DANA, *command, "-XqAt", "-c", SQL, "-c", "SELECT lo_get(4712)")
            assert (ran.status, ran.out) == (1, "12|12\n"), ran
            assert "permission denied for large object 4712" in ran.err

            ran = await ask(stage, "SELECT enterprise.open_books(1)")
            assert ran.status == 77, ran
            assert "enterprise.open_books(integer)" in ran.err
