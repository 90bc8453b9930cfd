"""From SQL to a login, all the agent's own way: what it reads it grants, and the login runs the SQL and nothing beyond.

Each statement is run by the login of its own access, and again after any one privilege was taken from that access.
"""

from __future__ import annotations

from typing import Final

import psycopg
import pytest

from fix_inference import Case, cases
from fix_postgres import Managed
from fix_reading import Reading
from inference_proof.oracle import execute
from inference_proof.trial import DENIED, UNSEEN, change
from p0_access.errors import ReadingError
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.settle import settle
from p0_agent.postgres.errors import GrantError
from p0_agent.postgres.provision import Opened

EVERY: Final = 16
"""One in so many of the cases; all of them are tried by a role of the test's in `test_inference_on_postgres`."""

SOME: Final = [case for case in cases("select", "writing", "views_and_functions") if not case.sometimes][::EVERY]


async def _granted(reading: Reading, statement: str) -> tuple[Permission, ...]:
    """As an admission has it."""
    found = await reading.read(statement)
    return settle(found.needed, found.catalog, tagged=lambda *_: False)


async def _state(managed: Managed, opened: Opened, statement: str) -> str:
    async with await managed.login(opened) as connection:
        await connection.execute("BEGIN")
        try:
            await execute(connection, statement)
        except psycopg.Error as error:
            return error.sqlstate or "unknown"
        finally:
            await connection.execute("ROLLBACK")
    return ""


async def test_the_login_runs_what_was_read_and_misses_whatever_is_taken(reading: Reading) -> None:
    managed, opened = reading.managed, 0
    for case in SOME:
        statement = case.sql.replace("mydb.", f"{managed.database}.").rstrip(";")
        try:
            granted = await _granted(reading, statement)
        except ReadingError as error:
            if error.code != "postgres_refuses":
                raise
            continue  # it is newer than the server
        entry, access = await managed.open(*granted, read_only=False)
        opened += 1
        assert await _state(managed, access, statement) == "", statement
        await _each_is_missed(reading, access, case, statement, granted)
        await managed.end(entry)
    assert opened > len(SOME) / 2


async def _each_is_missed(
    reading: Reading, access: Opened, case: Case, statement: str, granted: tuple[Permission, ...]
) -> None:
    for each in granted:
        if each.kind is Kind.DATABASE:
            continue  # without it there is no session to run the statement in
        async with await reading.managed.superuser() as connection:
            await connection.execute("SET ROLE p0_broker")
            await connection.execute(change("REVOKE", each, access.set_role))
            denied = await _state(reading.managed, access, statement)
            await connection.execute(change("GRANT", each, access.set_role))
        assert denied == DENIED or (each.kind is Kind.SCHEMA and denied in UNSEEN), (statement, str(each), denied)


async def test_what_cannot_be_granted_is_named_and_nothing_is_left(reading: Reading) -> None:
    """A function's EXECUTE and a column's SELECT that the agent may not hand on."""
    managed = reading.managed
    for statement, lacking, named in (
        ("select util.secret(1)", "EXECUTE on function util.secret(integer)", "function secret"),
        ("select title from hr.depts", "SELECT (title) on hr.depts", '"title" of relation "depts"'),
    ):
        granted = await _granted(reading, statement)
        assert lacking in map(str, granted)
        async with await managed.superuser() as connection:
            await connection.execute("REVOKE ALL ON hr.depts FROM p0_broker CASCADE")
            await connection.execute("REVOKE ALL ON FUNCTION util.secret(integer) FROM p0_broker CASCADE")
        with pytest.raises(GrantError) as caught:
            await managed.open(*granted)
        assert named in str(caught.value)
        assert await managed.roles() == []
