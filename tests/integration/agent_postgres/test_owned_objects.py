"""What a login owns at its end: dropped, or as plain data a powerless role's, by the policy of its database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import errors as sqlstate
from psycopg import sql

from fix_postgres import BOTH_MODES, NOW, THUMBPRINT, Managed, Mode, bootstrap, managing
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres.errors import SelfCheckError
from p0_agent.postgres.provision import Opened
from p0_demo.postgres import EmbeddedPostgres

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))

MAKES = """
CREATE FUNCTION enterprise.mine(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE FUNCTION enterprise.as_me() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
CREATE FUNCTION enterprise.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE DOMAIN enterprise.small AS int DEFAULT 1 CHECK (enterprise.mine(VALUE) < 100);
CREATE TYPE enterprise.mood AS ENUM ('good', 'bad');
CREATE TYPE enterprise.span AS RANGE (subtype = int);
CREATE TABLE enterprise.kept (
  id serial PRIMARY KEY,
  "A b" enterprise.small DEFAULT enterprise.mine(1) CHECK (enterprise.mine("A b") > 0),
  doubled int GENERATED ALWAYS AS (enterprise.mine(3)) STORED,
  feeling enterprise.mood,
  other int REFERENCES enterprise.kept (id)
);
CREATE TABLE enterprise.parted (
  id int CHECK (id > 0), more int GENERATED ALWAYS AS (enterprise.mine(4)) STORED
) PARTITION BY LIST (id);
CREATE TABLE enterprise.part PARTITION OF enterprise.parted FOR VALUES IN (1);
CREATE INDEX ON enterprise.parted ((enterprise.mine(id)));
CREATE TRIGGER fires BEFORE INSERT ON enterprise.parted FOR EACH ROW EXECUTE FUNCTION enterprise.fires();
CREATE INDEX ON enterprise.kept (enterprise.mine(id));
CREATE STATISTICS enterprise.figures ON id, other FROM enterprise.kept;
CREATE TRIGGER fires BEFORE INSERT ON enterprise.kept FOR EACH ROW EXECUTE FUNCTION enterprise.fires();
CREATE RULE also AS ON DELETE TO enterprise.kept DO ALSO SELECT enterprise.as_me();
CREATE POLICY own ON enterprise.kept USING (enterprise.mine(id) > 0);
INSERT INTO enterprise.kept (feeling) VALUES ('good'), ('bad');
INSERT INTO enterprise.parted VALUES (1);
CREATE VIEW enterprise.seen AS SELECT *, enterprise.as_me() FROM enterprise.kept;
CREATE VIEW enterprise.seen_again AS SELECT * FROM enterprise.seen;
CREATE MATERIALIZED VIEW enterprise.stored AS SELECT * FROM enterprise.seen_again;
GRANT ALL ON enterprise.kept, enterprise.parted TO PUBLIC;
GRANT SELECT (feeling) ON enterprise.kept TO p0_keeper WITH GRANT OPTION;
GRANT USAGE ON TYPE enterprise.mood TO p0_reader;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
SELECT lo_from_bytea(4711, 'left behind');
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
CREATE TEMP TABLE passing ()
"""

CASTS = """
CREATE TABLE enterprise."Two words" (a int);
CREATE FUNCTION enterprise.plain(enterprise."Two words") RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE CAST (enterprise."Two words" AS int) WITH FUNCTION enterprise.plain(enterprise."Two words");
CREATE CAST (enterprise."Two words" AS text) WITH INOUT;
CREATE VIEW enterprise.seen AS SELECT t::int FROM enterprise."Two words" t
"""

RARE = """
CREATE AGGREGATE enterprise.rows(*) (sfunc = int8inc, stype = int8, initcond = '0');
CREATE AGGREGATE enterprise.last(ORDER BY int) (sfunc = int4larger, stype = int);
CREATE PROCEDURE enterprise.does(INOUT x int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION enterprise.neg(int) RETURNS int LANGUAGE sql AS 'SELECT -$1';
CREATE OPERATOR enterprise.!!! (RIGHTARG = int, FUNCTION = enterprise.neg);
CREATE OPERATOR enterprise.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE TEXT SEARCH DICTIONARY enterprise.words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION enterprise.searches (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION enterprise.searches ALTER MAPPING FOR word WITH enterprise.words;
CREATE CONVERSION enterprise.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE COLLATION enterprise.bytes FROM "C";
CREATE TYPE enterprise.pair AS (a text COLLATE enterprise.bytes, b int);
CREATE DOMAIN enterprise.word AS text COLLATE enterprise.bytes;
CREATE TABLE enterprise.sorted (a text COLLATE enterprise.bytes PRIMARY KEY, b enterprise.pair, c enterprise.word);
INSERT INTO enterprise.sorted VALUES ('x', ('y', 1), 'z');
CREATE COLLATION enterprise.unused FROM "C";
CREATE SCHEMA empty;
CREATE SCHEMA mine;
GRANT ALL ON SCHEMA mine TO PUBLIC;
CREATE TABLE mine.held AS SELECT 1 AS a;
CREATE FUNCTION mine.runs() RETURNS int LANGUAGE sql AS 'SELECT 1'
"""

KEPT = """
SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_shdepend d
WHERE d.refobjid = 'p0_keeper'::regrole AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1
"""
LEFT = [
    "large object 4711",
    "sequence enterprise.kept_id_seq",
    "table enterprise.kept",
    "table enterprise.part",
    "table enterprise.parted",
    "type enterprise.mood",
    "type enterprise.small",
    "type enterprise.span",
]
ACLS = """
SELECT count(*) FROM (
  SELECT aclexplode(relacl) e, relowner o FROM pg_class
  UNION ALL SELECT aclexplode(lomacl), lomowner FROM pg_largeobject_metadata
  UNION ALL SELECT aclexplode(typacl), typowner FROM pg_type
  UNION ALL SELECT aclexplode(attacl), relowner FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
) AS acl WHERE o = 'p0_keeper'::regrole AND (e).grantee <> o
"""


@pytest.fixture
async def keeping(postgres: EmbeddedPostgres, demo_database: str, mode: Mode) -> AsyncIterator[Managed]:
    databases = {demo_database: ("enterprise",)}
    async with managing(postgres, demo_database, databases, mode, keeping=[demo_database]) as managed:
        async with await managed.superuser() as superuser:
            await superuser.execute("GRANT CREATE ON SCHEMA enterprise TO PUBLIC")
            await superuser.execute(f"GRANT TEMPORARY ON DATABASE {demo_database} TO PUBLIC".encode())
        yield managed
    async with await managed.superuser() as superuser:  # a role of the whole server, which other tests set up anew
        await superuser.execute("DROP OWNED BY p0_keeper CASCADE")
        await superuser.execute("DROP ROLE p0_keeper")


async def make(managed: Managed, opened: Opened, sql: str) -> None:
    async with await managed.login(opened) as connection:
        await connection.execute(sql.encode())


async def test_data_is_kept_and_nothing_that_runs_and_nobodys_privilege(keeping: Managed) -> None:
    entry, opened = await keeping.open(*MARKETS, read_only=False)
    await make(keeping, opened, MAKES)
    async with await keeping.superuser() as superuser:  # before 15 the login itself can, and gains nothing
        await superuser.execute(sql.SQL("GRANT {} TO p0_keeper").format(sql.Identifier(opened.login)))
    await keeping.cluster.start(THUMBPRINT, NOW)
    await keeping.end(entry)
    assert await keeping.roles() == []
    async with await keeping.superuser() as superuser:
        cursor = await superuser.execute(KEPT.encode())
        assert [what for (what,) in await cursor.fetchall() if not what.endswith("_multirange")] == LEFT
        cursor = await superuser.execute(ACLS.encode())
        assert await cursor.fetchone() == (0,)
        cursor = await superuser.execute("SELECT to_jsonb(k) FROM enterprise.kept k ORDER BY id")
        rows = [row for (row,) in await cursor.fetchall()]
        # Before 15 a column depends on the functions of its expression for good, and goes with them.
        doubled = {"doubled": 4} if superuser.info.server_version >= 150000 else {}
        assert [{name: row.get(name) for name in ("id", "A b", *doubled, "feeling")} for row in rows] == [
            {"id": 1, "A b": 2, **doubled, "feeling": "good"},
            {"id": 2, "A b": 2, **doubled, "feeling": "bad"},
        ]
        assert all(("doubled" in row) == bool(doubled) for row in rows)
        for kind in ("pg_trigger WHERE NOT tgisinternal AND tgname = 'fires'", "pg_policy", "pg_statistic_ext"):
            cursor = await superuser.execute(f"SELECT count(*) FROM {kind}".encode())
            assert await cursor.fetchone() == (0,), kind
        await superuser.execute("DROP OWNED BY p0_keeper")


async def test_rare_kinds_of_objects_hold_up_no_end(keeping: Managed) -> None:
    async with await keeping.superuser() as superuser:
        await superuser.execute(f"GRANT CREATE ON DATABASE {keeping.database} TO PUBLIC".encode())
        entry, opened = await keeping.open(*MARKETS, read_only=False)
        await make(keeping, opened, RARE)
        assert (await keeping.end(entry)).residue == ()
        cursor = await superuser.execute("SELECT s.a, (b).a, c::text, h.a FROM enterprise.sorted s, mine.held h")
        assert await cursor.fetchall() == [("x", "y", "z", 1)]
        cursor = await superuser.execute(
            "SELECT i.type, i.identity FROM pg_shdepend d, pg_identify_object(d.classid, d.objid, 0) i"
            " WHERE d.refobjid = 'p0_keeper'::regrole AND d.deptype = 'o' AND i.type NOT IN ('table', 'composite type')"
            " AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2"
        )
        assert await cursor.fetchall() == [
            ("collation", "enterprise.bytes"),
            ("schema", "mine"),
            ("type", "enterprise.pair"),
            ("type", "enterprise.word"),
        ]
        cursor = await superuser.execute("SELECT has_schema_privilege('public', 'mine', 'USAGE')")
        assert await cursor.fetchone() == (False,)
        await superuser.execute("DROP OWNED BY p0_keeper")


async def test_kept_in_its_database_and_dropped_in_the_others(keeping: Managed) -> None:
    entry, opened = await keeping.open(*MARKETS, read_only=False)
    await make(keeping, opened, "CREATE TABLE enterprise.here AS SELECT 1")
    async with await keeping.login(opened, dbname="postgres") as connection:
        await connection.execute("SELECT lo_from_bytea(0, 'there')")
    await keeping.end(entry)
    async with await keeping.superuser() as superuser:
        cursor = await superuser.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'here'")
        assert await cursor.fetchone() == ("p0_keeper",)
    async with await keeping.superuser("postgres") as superuser:
        cursor = await superuser.execute("SELECT count(*) FROM pg_largeobject_metadata")
        assert await cursor.fetchone() == (0,)


async def test_what_others_built_on_its_code_stays_and_the_login_is_out(keeping: Managed) -> None:
    entry, opened = await keeping.open(*MARKETS, read_only=False)
    await make(keeping, opened, "CREATE FUNCTION enterprise.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    async with await keeping.superuser() as superuser:
        await superuser.execute("CREATE VIEW enterprise.others AS SELECT enterprise.mine()")
        swept = await keeping.cluster.sweep(opened.not_after)
        assert list(swept.failed) == [entry.rh]
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            await keeping.login(opened)
        await superuser.execute("DROP VIEW enterprise.others")
    swept = await keeping.cluster.sweep(NOW)
    assert [done.ended.residue for done in swept.ended] == [()]


@pytest.mark.parametrize("keep", [False, True])
async def test_casts_which_have_no_owner_hold_up_no_end(
    postgres: EmbeddedPostgres, demo_database: str, mode: Mode, *, keep: bool
) -> None:
    keeping = [demo_database] if keep else []
    async with (
        managing(postgres, demo_database, {demo_database: ("enterprise",)}, mode, keeping=keeping) as managed,
        await managed.superuser() as superuser,
    ):
        await superuser.execute("GRANT CREATE ON SCHEMA enterprise TO PUBLIC")
        entry, opened = await managed.open(*MARKETS, read_only=False)
        await make(managed, opened, CASTS)
        assert (await managed.end(entry)).residue == ()
        cursor = await superuser.execute("SELECT count(*) FROM pg_cast WHERE oid >= 16384")
        assert await cursor.fetchone() == (0,)
        if keep:
            await superuser.execute("DROP OWNED BY p0_keeper")


@pytest.mark.parametrize(
    ("harm", "undo"),
    [
        ("GRANT pg_read_all_data TO p0_keeper", "REVOKE pg_read_all_data FROM p0_keeper"),
        ("ALTER ROLE p0_keeper BYPASSRLS", "ALTER ROLE p0_keeper NOBYPASSRLS"),
        ("ALTER ROLE p0_keeper LOGIN", "ALTER ROLE p0_keeper NOLOGIN"),
    ],
)
async def test_nothing_is_handed_to_a_keeper_that_became_more(harm: str, undo: str, keeping: Managed) -> None:
    entry, opened = await keeping.open(*MARKETS, read_only=False)
    await make(keeping, opened, "CREATE TABLE enterprise.here AS SELECT 1")
    async with await keeping.superuser() as superuser:
        await superuser.execute(harm.encode())
        try:
            swept = await keeping.cluster.sweep(opened.not_after)
            assert [error.code for error in swept.failed.values()] == ["guard_refused"]
            with pytest.raises(SelfCheckError):
                await keeping.cluster.start(THUMBPRINT, NOW)
        finally:
            await superuser.execute(undo.encode())
        await keeping.cluster.start(THUMBPRINT, NOW)
    swept = await keeping.cluster.sweep(NOW)
    assert [(done.entry.rh, done.ended.residue) for done in swept.ended] == [(entry.rh, ())]


async def test_a_role_of_that_name_that_is_somebody_elses_is_not_taken(
    postgres: EmbeddedPostgres, demo_database: str, mode: Mode
) -> None:
    databases = {demo_database: ("enterprise",)}
    async with (
        managing(postgres, demo_database, databases, mode, keeping=[demo_database]) as managed,
        await managed.superuser() as superuser,
    ):
        await superuser.execute("COMMENT ON ROLE p0_keeper IS 'ours'")
        try:
            with pytest.raises(SelfCheckError) as caught:
                await managed.cluster.start(THUMBPRINT, NOW)
            assert caught.value.code == "keeper_unfit"
            with pytest.raises(sqlstate.RaiseException):
                await bootstrap(postgres, demo_database, databases, mode, keeping=[demo_database])
        finally:
            await superuser.execute("COMMENT ON ROLE p0_keeper IS 'p0: owns what logins left behind'")


async def test_a_trigger_that_somebody_attaches_while_a_table_is_handed_on_goes_too(keeping: Managed) -> None:
    entry, opened = await keeping.open(*MARKETS, read_only=False)
    await make(keeping, opened, "CREATE TABLE enterprise.handed_on (id int)")
    async with await keeping.superuser() as other, await keeping.superuser() as watcher:
        await other.execute(
            "CREATE FUNCTION enterprise.late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        )
        async with other.transaction(), asyncio.timeout(10):
            await other.execute(
                "CREATE TRIGGER late BEFORE INSERT ON enterprise.handed_on"
                " FOR EACH ROW EXECUTE FUNCTION enterprise.late()"
            )
            ending = asyncio.create_task(keeping.end(entry))
            waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)))"
            while await (await watcher.execute(waits, (other.info.backend_pid,))).fetchone() != (True,):
                assert not ending.done()
                await watcher.execute("SELECT pg_sleep(0.005)")
        await ending
        cursor = await watcher.execute(
            "SELECT c.relowner::regrole::text, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)"
            " FROM pg_class c WHERE c.oid = 'enterprise.handed_on'::regclass"
        )
        assert await cursor.fetchone() == ("p0_keeper", False)
