"""What PostgreSQL calls for a statement that does not name it: it denies a table that only such a function reads, and
the reading says that it is needed."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest
from psycopg import sql

from fix_postgres import fresh_database
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused, needed
from p0_agent.postgres.catalog import fingerprint, snapshot
from p0_demo.postgres import EmbeddedPostgres

ROLE: Final = "compares"
SCHEMA: Final = "compared"
BEGUN: Final = """
CREATE SCHEMA compared; SET search_path = compared;
CREATE TABLE secret (v int); CREATE TABLE other (v int); CREATE TYPE pair AS (x int);
CREATE FUNCTION lt(pair, pair) RETURNS bool LANGUAGE sql AS 'SELECT ($1).x < ($2).x';
CREATE FUNCTION eq(pair, pair) RETURNS bool LANGUAGE sql AS 'SELECT ($1).x = ($2).x';
CREATE FUNCTION gt(pair, pair) RETURNS bool LANGUAGE sql AS 'SELECT ($1).x > ($2).x';
CREATE FUNCTION seen(pair, pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN PERFORM FROM other; RETURN true; END';
CREATE FUNCTION unseen(pair, pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION compare(pair, pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN PERFORM FROM secret; RETURN btint4cmp(($1).x, ($2).x); END';
CREATE OPERATOR < (LEFTARG = pair, RIGHTARG = pair, FUNCTION = lt);
CREATE OPERATOR = (LEFTARG = pair, RIGHTARG = pair, FUNCTION = eq);
CREATE OPERATOR > (LEFTARG = pair, RIGHTARG = pair, FUNCTION = gt);
CREATE TABLE pairs (k pair); INSERT INTO pairs VALUES (ROW(1)), (ROW(2));
CREATE ROLE compares; GRANT USAGE ON SCHEMA compared TO compares; GRANT ALL ON pairs TO compares"""
MADE: Final = """
CREATE OPERATOR CLASS ordered DEFAULT FOR TYPE pair USING btree AS
  OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(pair, pair);
CREATE OPERATOR !~~~ (LEFTARG = pair, RIGHTARG = pair, FUNCTION = seen, NEGATOR = ~~~);
CREATE OPERATOR ~~~ (LEFTARG = pair, RIGHTARG = pair, FUNCTION = unseen, NEGATOR = !~~~)"""
CASES: Final = {
    "SELECT k FROM pairs ORDER BY k": "secret",
    "SELECT DISTINCT k FROM pairs": "secret",
    "SELECT greatest(k, k) FROM pairs": "secret",
    "SELECT ARRAY[k] < ARRAY[k] FROM pairs": "secret",
    "SELECT FROM pairs WHERE NOT k ~~~ k": "other",
}


async def test_what_postgres_calls_unnamed_is_needed(postgres: EmbeddedPostgres) -> None:
    role = sql.Identifier(ROLE)
    async with (
        fresh_database(postgres, template="template1") as name,
        await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection,
    ):
        try:
            await connection.execute(BEGUN)
            plain, before = await snapshot(connection, [SCHEMA]), await fingerprint(connection, [SCHEMA])
            await connection.execute(MADE)
            catalog, after = await snapshot(connection, [SCHEMA]), await fingerprint(connection, [SCHEMA])
            assert not plain.support
            assert after != before
            for statement, table in CASES.items():
                async with connection.transaction(force_rollback=True):
                    await connection.execute(
                        sql.SQL("SET LOCAL ROLE {}; SET LOCAL search_path = {}").format(role, sql.Identifier(SCHEMA))
                    )
                    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"denied for table {table}"):
                        await connection.execute(sql.SQL(statement))
                reading = read(statement, catalog, search_path=(SCHEMA,))
                assert not any(isinstance(each, Refused) for each in reading)
                assert table in {each.object for each in needed(reading)}
            assert not any(each.object == "secret" for each in needed(read("BEGIN", catalog)))
        finally:
            await connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
