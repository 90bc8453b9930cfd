"""What reads a table out of sight is seen to read it: PostgreSQL denies it to who may do all but that, and the reading
says why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from fix_postgres import fresh_database
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Reading, Refused, needed
from p0_agent.postgres.catalog import snapshot
from p0_demo.postgres import EmbeddedPostgres

ROLE: Final = "hidden_from"
OBJECTS: Final = """
CREATE TABLE secret (v int);
INSERT INTO secret VALUES (7);
CREATE TABLE plain (a int, b text);
INSERT INTO plain VALUES (1, 'x');
"""
FUNCTION: Final = "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql {} AS $f$ {} BEGIN {} RETURN 'done'; END $f$"
CALL: Final = "SELECT f()"


def block(body: str, declared: str = "", settings: str = "") -> str:
    return FUNCTION.format(settings, declared and f"DECLARE {declared};", body)


def fires(body: str, declared: str = "") -> str:
    return (
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS "
        f"$f$ {declared and f'DECLARE {declared};'} BEGIN {body} RETURN new; END $f$;"
        "CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION t()"
    )


OPERATES: Final = """
CREATE FUNCTION o(int, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 > (SELECT min(v) FROM secret) - 100';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = o)"""
READS: Final = "CREATE FUNCTION s() RETURNS int LANGUAGE sql AS 'SELECT v FROM secret'"
DOMAIN: Final = """
CREATE FUNCTION c(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM secret)';
CREATE DOMAIN d AS text CHECK (c(value))"""
PARTED: Final = """
CREATE FUNCTION k(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM v FROM secret; RETURN $1; END';
CREATE TABLE parted (a int) PARTITION BY RANGE (k(a));
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)"""
OWNED: Final = """
ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
GRANT ALL ON plain TO pg_monitor;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO pg_monitor', current_schema()); END $$;
CREATE VIEW w AS SELECT a, b FROM plain;
ALTER VIEW w OWNER TO pg_monitor;"""
IF_DELETED: Final = "IF tg_op = 'DELETE' THEN PERFORM v FROM secret; END IF;"
WRITE: Final = "INSERT INTO plain VALUES (2, 'y')"

SEEN: Final[dict[str, tuple[str, str]]] = {
    "how many rows to fetch": (
        block("OPEN c FOR SELECT 1; FETCH ABSOLUTE (SELECT count(*) FROM secret) FROM c INTO x;", "c refcursor; x int"),
        CALL,
    ),
    "how far to move": (
        block("OPEN c FOR SELECT 1; MOVE FORWARD (SELECT count(*) FROM secret) IN c;", "c refcursor"),
        CALL,
    ),
    "which element is set": (block("x[(SELECT v FROM secret)] := 1;", "x int[]"), CALL),
    "a loop over what is explained": (
        block("FOR r IN EXPLAIN ANALYZE DELETE FROM secret LOOP NULL; END LOOP;", "r record"),
        CALL,
    ),
    "a variable called move": (block("move := (SELECT v FROM secret);", "move int"), CALL),
    "a variable called raise": (block("raise = (SELECT v FROM secret);", "raise int"), CALL),
    "a row called commit": (block("commit.a := (SELECT v FROM secret);", "commit plain"), CALL),
    "an event that is set": (fires(f"tg_op := 'DELETE'; {IF_DELETED}"), WRITE),
    "an event that is selected": (fires(f"SELECT 'DELETE' INTO tg_op; {IF_DELETED}"), WRITE),
    "an event by another name": (fires(f"x := 'DELETE'; {IF_DELETED}", "x ALIAS FOR tg_op"), WRITE),
    "another variable for the event": (fires(f"DECLARE tg_op text := 'DELETE'; BEGIN {IF_DELETED} END;"), WRITE),
    "an operator in a check": (f"{OPERATES}; ALTER TABLE plain ADD CHECK (a === 1)", WRITE),
    "an operator in a policy": (
        f"{OPERATES}; ALTER TABLE plain ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON plain USING (a === 1)",
        "SELECT a FROM plain",
    ),
    "an operator in a trigger's condition": (
        f"{OPERATES}; {fires('').replace(' EXECUTE', ' WHEN (new.a === 1) EXECUTE')}",
        WRITE,
    ),
    "a domain in a check": (
        (
            "CREATE FUNCTION c(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM secret)';"
            "CREATE DOMAIN d AS text CHECK (c(value)); ALTER TABLE plain ADD CHECK (b::d <> '')"
        ),
        WRITE,
    ),
    "a function whose name has a quote": (
        (
            """CREATE FUNCTION "a""b"(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM secret)';"""
            'ALTER TABLE plain ADD CHECK ("a""b"(a))'
        ),
        WRITE,
    ),
    "an argument's default": (
        f"{READS}; CREATE FUNCTION g(x int DEFAULT s(), y int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT x'",
        "SELECT g(y => 2)",
    ),
    "a view's default": (
        f"{READS}; CREATE VIEW w AS SELECT a, b FROM plain; ALTER VIEW w ALTER a SET DEFAULT s()",
        "INSERT INTO w (b) VALUES ('y')",
    ),
    "what tells partitions": (PARTED, "INSERT INTO parted VALUES (1)"),
    "what tells a partition from others": (PARTED, "INSERT INTO parted_1 VALUES (1)"),
    "an argument's domain": (
        f"{DOMAIN}; CREATE FUNCTION g(d) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        "SELECT g('x')",
    ),
    "a result's domain": (
        f"{DOMAIN}; CREATE FUNCTION g() RETURNS d LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        "SELECT g()",
    ),
    "a variable's domain": (f"{DOMAIN}; CREATE TABLE o (x d); {block('x := 1;', 'x o.x%TYPE')}", CALL),
    "what a view holds against what is written": (
        (
            "CREATE VIEW w WITH (security_invoker) AS SELECT a, b FROM plain WHERE EXISTS (SELECT FROM secret)"
            " WITH CHECK OPTION"
        ),
        "INSERT INTO w (b) VALUES ('y')",
    ),
    "a policy that binds a view's owner": (
        f"{READS}; {OWNED} CREATE POLICY p ON plain USING (s() > 0)",
        "SELECT a FROM w",
    ),
    "a policy that holds what a view's owner adds": (
        f"{READS}; {OWNED} CREATE POLICY p ON plain USING (true) WITH CHECK (s() > 0)",
        "INSERT INTO w (b) VALUES ('y')",
    ),
    "a policy that holds what a view's owner removes": (
        (
            f"{READS}; {OWNED} CREATE POLICY p ON plain USING (true);"
            "CREATE POLICY q ON plain AS RESTRICTIVE FOR DELETE USING (s() > 0)"
        ),
        "DELETE FROM w",
    ),
    "what making a table fires": (  # of the tags only what no other case does
        (
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF tg_event <> '' THEN PERFORM v FROM secret; END IF; END $$;"
            "CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('SELECT INTO') EXECUTE FUNCTION e()"
        ),
        "SELECT 1 AS x INTO TEMP made",
    ),
    "a field's domain": (f"{DOMAIN}; CREATE TABLE o (x d); {block('r.x := 1;', 'r o%ROWTYPE')}", CALL),
}
FROM_15: Final = frozenset({"what a view holds against what is written"})
"""Cases of what older versions do not have."""
REFUSED: Final[dict[str, tuple[str, str]]] = {
    "strings that end elsewhere": (
        block(
            r"RETURN '\' , ' || (SELECT v FROM secret); --';" + "\n", settings="SET standard_conforming_strings = off"
        ),
        CALL,
    ),
}


class Hidden(NamedTuple):
    """A database in which each case has a schema of its own, by its name."""

    connection: psycopg.AsyncConnection
    catalog: Catalog

    async def reading(self, case: str, statement: str) -> Reading:
        """PostgreSQL denies `secret` to a role that may do everything else."""
        connection = self.connection
        async with connection.transaction(force_rollback=True):
            await connection.execute(
                sql.SQL("SET LOCAL ROLE {}; SET LOCAL search_path = {}").format(
                    sql.Identifier(ROLE), sql.Identifier(case)
                )
            )
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="denied for table secret"):
                await connection.execute(statement)
        return read(statement, self.catalog, search_path=(case,))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hidden(postgres: EmbeddedPostgres) -> AsyncIterator[Hidden]:
    async with (
        fresh_database(postgres, name="hidden", template="template1") as name,
        await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection,
    ):
        role = sql.Identifier(ROLE)
        await connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        try:
            cases = {
                case: objects
                for case, (objects, _) in (SEEN | REFUSED).items()
                if connection.info.server_version >= 15_00_00 or case not in FROM_15
            }
            for case, objects in cases.items():
                schema = sql.Identifier(case)
                await connection.execute(
                    sql.SQL("CREATE SCHEMA {0}; SET search_path = {0};").format(schema)
                    + sql.SQL(OBJECTS + objects + ";")
                    + sql.SQL(
                        "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {1};"
                        "GRANT ALL ON ALL SEQUENCES IN SCHEMA {0} TO {1}; REVOKE ALL ON secret FROM {1}"
                    ).format(schema, role)
                )
            yield Hidden(connection, await snapshot(connection, list(cases)))
        finally:
            await connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", SEEN)
async def test_what_is_read_out_of_sight_is_needed(case: str, hidden: Hidden) -> None:
    if case not in hidden.catalog.schemas:
        pytest.skip("PostgreSQL 15 brought it")
    reading = await hidden.reading(case, SEEN[case][1])
    assert "secret" in {each.object for each in needed(reading)}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_told_is_refused(case: str, hidden: Hidden) -> None:
    reading = await hidden.reading(case, REFUSED[case][1])
    assert any(isinstance(each, Refused) for each in reading)
