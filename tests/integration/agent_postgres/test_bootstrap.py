"""The set-up SQL and the check of what it made."""

from __future__ import annotations

import asyncio
import os

import msgspec
import psycopg
import pytest
from psycopg import sql

from fix_postgres import NOW, THUMBPRINT, Managed, Mode, bootstrap, fresh_database, managing, superuser_connection
from p0_access.permissions.permission import relation, usage
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import Roles, bootstrap_sql, psql_text, undo_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.errors import DatabaseUnavailableError, GrantError, SelfCheckError
from p0_demo.postgres import EmbeddedPostgres

SCHEMAS = ("enterprise", "ledger")


async def test_run_again_it_changes_nothing_but_the_passwords(managed: Managed) -> None:
    entry, _ = await managed.open(usage("enterprise"), relation("enterprise", "markets", "SELECT"))
    before, head = await privileges(managed), await managed.cluster.evidence.head()
    await bootstrap(managed.server, managed.database, {managed.database: SCHEMAS})
    assert await privileges(managed) == before
    assert await managed.cluster.evidence.head() == head
    await managed.end(entry)


async def privileges(managed: Managed) -> list[tuple[object, ...]]:
    async with await managed.superuser() as connection:
        cursor = await connection.execute(
            "SELECT 'rel', oid::text, relacl::text FROM pg_class WHERE relnamespace >= 16384"
            " UNION ALL SELECT 'nsp', oid::text, nspacl::text FROM pg_namespace"
            " UNION ALL SELECT 'db', oid::text, datacl::text FROM pg_database WHERE datname = current_database()"
            " UNION ALL SELECT 'def', oid::text, defaclacl::text FROM pg_default_acl"
            " UNION ALL SELECT 'member', roleid::text, member::text FROM pg_auth_members"
            " ORDER BY 1, 2, 3"
        )
        return list(await cursor.fetchall())


@pytest.mark.parametrize("mode", ["broker", "hardened"])
async def test_operators_that_others_put_in_the_way_are_not_run(mode: Mode, postgres: EmbeddedPostgres) -> None:
    """Before PostgreSQL 15 anybody may make them in public; the set-up is run by a superuser."""
    async with fresh_database(postgres) as name:
        await bootstrap(postgres, name, {name: ("enterprise",)}, mode)
        async with await superuser_connection(postgres, name) as connection:
            await connection.execute(
                """
                CREATE ROLE mallory;
                CREATE FUNCTION public.trap(oid, regrole) RETURNS boolean LANGUAGE plpgsql AS
                  $$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN false; END$$;
                CREATE FUNCTION public.trap(name, name) RETURNS boolean LANGUAGE plpgsql AS
                  $$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN false; END$$;
                CREATE FUNCTION public.trap(name, text) RETURNS boolean LANGUAGE plpgsql AS
                  $$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN false; END$$;
                CREATE OPERATOR public.<> (LEFTARG = oid, RIGHTARG = regrole, FUNCTION = public.trap);
                CREATE OPERATOR public.~ (LEFTARG = name, RIGHTARG = name, FUNCTION = public.trap);
                CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.trap)
                """
            )
            try:
                await bootstrap(postgres, name, {name: ("enterprise",)}, mode)
                for script in undo_sql(home=name, databases=[name])[:-1]:
                    async with await superuser_connection(postgres, script.database) as dba:
                        await dba.execute(script.sql.encode())
                cursor = await connection.execute(
                    "SELECT rolsuper FROM pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'mallory'"
                )
                assert await cursor.fetchone() == (False,)
            finally:
                await connection.execute("DROP ROLE mallory")


async def test_a_schema_of_the_set_ups_that_somebody_else_made_is_not_used(postgres: EmbeddedPostgres) -> None:
    async with fresh_database(postgres) as name, await superuser_connection(postgres, name) as connection:
        await connection.execute("CREATE ROLE mallory")
        try:
            for schema in ("p0", "p0_evidence", "p0_guard", "p0_makers"):
                await connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION mallory".encode())
                with pytest.raises(psycopg.errors.RaiseException, match=f"the schema {schema} is there already"):
                    await bootstrap(postgres, name, {name: ("enterprise",)})
                await connection.execute(f"DROP SCHEMA {schema}".encode())
        finally:
            await connection.execute("DROP OWNED BY mallory; DROP ROLE mallory")


async def test_tables_made_later_by_their_owner_are_covered(managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("SET ROLE mydatabase_owner")
        await connection.execute("CREATE TABLE enterprise.later (id serial, name text)")
        await connection.execute("RESET ROLE")
        await connection.execute("CREATE TABLE enterprise.by_somebody_else (id int)")
    entry, opened = await managed.open(usage("enterprise"), relation("enterprise", "later", "SELECT"))
    async with await managed.login(opened) as user:
        await user.execute("SELECT FROM enterprise.later")
    await managed.end(entry)
    with pytest.raises(GrantError) as caught:
        await managed.open(usage("enterprise"), relation("enterprise", "by_somebody_else", "SELECT"))
    assert caught.value.hint is not None
    assert "bootstrap-sql" in caught.value.hint
    started = await managed.cluster.start(THUMBPRINT, NOW)
    assert any("1 relations without SELECT with grant option, such as" in warning for warning in started.warnings)


async def test_public_may_no_longer_connect(managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("CREATE ROLE outsider LOGIN PASSWORD 'outsider'")
        try:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                await psycopg.AsyncConnection.connect(
                    host=managed.server.host,
                    port=managed.server.port,
                    user="outsider",
                    password="outsider",
                    dbname=managed.database,
                )
        finally:
            await connection.execute("DROP ROLE outsider")


@pytest.mark.parametrize("name", ["plain", 'it\'s "a" \\name', "a=b c"])
async def test_psql_takes_it_as_one_file(name: str, postgres: EmbeddedPostgres) -> None:
    async with fresh_database(postgres, name=name) as database, fresh_database(postgres) as home:
        async with await superuser_connection(postgres) as connection:
            version = connection.info.server_version // 10_000
        passwords = [Secret("first secret"), Secret("second secret")]
        text = psql_text(
            bootstrap_sql(
                server_version=version,
                home=home,
                databases={database: SCHEMAS},
                agent_verifier=scram.verifier(passwords[0], os.urandom(16)),
                reader_verifier=scram.verifier(passwords[1], os.urandom(16)),
            )
        )
        assert not any(password.reveal() in text for password in passwords)
        parameters = postgres.superuser()
        psql = await asyncio.create_subprocess_exec(
            postgres.psql,
            *("-X", "-q", "-w"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PGHOST": parameters["host"],
                "PGPORT": str(parameters["port"]),
                "PGUSER": parameters["user"],
                "PGPASSWORD": parameters["password"],
                "PGDATABASE": "postgres",
                "PATH": os.environ["PATH"],
            },
        )
        output, errors = await psql.communicate(text.encode())
        assert (psql.returncode, output) == (0, b""), errors.decode()
        async with managing(postgres, home, {database: SCHEMAS}) as managed:
            entry, _ = await managed.open(usage("ledger"), relation("ledger", "entries", "SELECT"))
            await managed.end(entry)


@pytest.mark.parametrize("name", ["", "x" * 64, "nul\0"])
def test_names_that_postgresql_would_cut_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        bootstrap_sql(server_version=18, home="h", databases={name: ()}, agent_verifier="v", reader_verifier="v")


@pytest.mark.parametrize("name", ["p0_broker_de", "p0_broker_07"])
def test_no_broker_is_called_like_another_agents_maker(name: str) -> None:
    roles = Roles(broker=name)
    with pytest.raises(ValueError, match="roles that make others"):
        bootstrap_sql(server_version=18, home="h", databases={}, agent_verifier="v", reader_verifier="v", roles=roles)


@pytest.mark.parametrize("schema", ["p0", "p0_evidence", "p0_guard", "p0_makers", "pg_catalog", "information_schema"])
def test_nothing_is_granted_on_in_postgresqls_schemas_or_the_agents_own(schema: str) -> None:
    databases = {"d": ("enterprise", schema)}
    with pytest.raises(ValueError, match="not a schema to grant on"):
        bootstrap_sql(server_version=18, home="h", databases=databases, agent_verifier="v", reader_verifier="v")


async def test_a_fit_account_starts(managed: Managed) -> None:
    async with await managed.superuser() as connection:
        old = connection.info.server_version < 160000
    started = await managed.cluster.start(THUMBPRINT, NOW + 100)
    assert started.ledger_born == NOW
    assert started.head.n == 0
    assert [warning for warning in started.warnings if "PostgreSQL 16" not in warning] == []
    assert bool(started.warnings) is old


@pytest.mark.parametrize(
    ("harm", "undo", "code"),
    [
        ("ALTER ROLE p0_agent SUPERUSER", "ALTER ROLE p0_agent NOSUPERUSER", "account_too_strong"),
        ("ALTER ROLE p0_broker BYPASSRLS", "ALTER ROLE p0_broker NOBYPASSRLS", "account_too_strong"),
        ("ALTER ROLE p0_broker REPLICATION", "ALTER ROLE p0_broker NOREPLICATION", "account_too_strong"),
        ("ALTER ROLE p0_agent CREATEDB", "ALTER ROLE p0_agent NOCREATEDB", "account_too_strong"),
        ("GRANT pg_read_all_data TO p0_broker", "REVOKE pg_read_all_data FROM p0_broker", "account_too_strong"),
        ("GRANT mydatabase_owner TO p0_broker", "REVOKE mydatabase_owner FROM p0_broker", "agent_owner"),
        ("ALTER ROLE p0_broker NOCREATEROLE", "ALTER ROLE p0_broker CREATEROLE", "agent_not_broker"),
        ("ALTER ROLE p0_agent RESET role", "ALTER ROLE p0_agent SET role = p0_broker", "agent_not_broker"),
        ("ALTER ROLE p0_reader SUPERUSER", "ALTER ROLE p0_reader NOSUPERUSER", "account_too_strong"),
        ("GRANT p0_broker TO p0_reader", "REVOKE p0_broker FROM p0_reader", "reader_too_strong"),
        ("DROP TABLE p0.writer", "SELECT", "bootstrap_incomplete"),
        ("REVOKE GRANT OPTION FOR USAGE ON SCHEMA ledger FROM p0_broker CASCADE", "SELECT", "bootstrap_incomplete"),
        ("ALTER TABLE ledger.entries OWNER TO p0_broker", "SELECT", "bootstrap_incomplete"),
        ("ALTER ROLE p0_broker_07 LOGIN", "ALTER ROLE p0_broker_07 NOLOGIN", "makers_unfit"),
        ("ALTER ROLE p0_broker_07 BYPASSRLS", "ALTER ROLE p0_broker_07 NOBYPASSRLS", "makers_unfit"),
        ("ALTER ROLE p0_broker_ff NOCREATEROLE", "ALTER ROLE p0_broker_ff CREATEROLE", "makers_unfit"),
        ("GRANT pg_monitor TO p0_broker_00", "REVOKE pg_monitor FROM p0_broker_00", "makers_unfit"),
        ("DROP FUNCTION p0_makers.p0_broker_07(text)", "SELECT", "makers_unfit"),
        ("GRANT EXECUTE ON FUNCTION p0_makers.p0_broker_07(text) TO PUBLIC", "SELECT", "makers_unfit"),
        ("REVOKE EXECUTE ON FUNCTION p0_makers.p0_broker_07(text) FROM p0_broker", "SELECT", "makers_unfit"),
        ("ALTER FUNCTION p0_makers.p0_broker_07(text) OWNER TO p0_broker_08", "SELECT", "makers_unfit"),
        ("ALTER FUNCTION p0_makers.p0_broker_07(text) RESET ALL", "SELECT", "makers_unfit"),
        ("DROP SCHEMA p0_makers CASCADE", "SELECT", "makers_unfit"),
    ],
)
async def test_an_unfit_account_is_refused(harm: str, undo: str, code: str, managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute(harm.encode())
        try:
            await managed.cluster.connections.close()
            with pytest.raises(SelfCheckError) as caught:
                await managed.cluster.start(THUMBPRINT, NOW)
        finally:
            await connection.execute(undo.encode())
    assert caught.value.code == code
    assert caught.value.hint is not None


async def test_a_restarted_server_is_reconnected_to(managed: Managed) -> None:
    """Every connection of the agent's is gone; the next use of each opens a new one."""
    await managed.cluster.catalog(managed.database)
    async with await managed.superuser() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename IN ('p0_agent', 'p0_reader')"
        )
    await managed.cluster.catalog(managed.database)
    entry, _ = await managed.open(usage("ledger"), relation("ledger", "entries", "SELECT"))
    await managed.end(entry)


async def test_a_server_that_is_not_there_is_transient(managed: Managed) -> None:
    with_no_server = msgspec.structs.replace(managed.agent, port=1)
    cluster = Cluster(
        Connections(agent=with_no_server, reader=managed.reader, home=managed.database), {}, random=os.urandom
    )
    with pytest.raises(DatabaseUnavailableError) as caught:
        await cluster.start(THUMBPRINT, NOW)
    assert managed.agent.password.reveal() not in str(caught.value)
    await cluster.close()


async def test_a_wrong_password_is_not_shown(managed: Managed) -> None:
    wrong = msgspec.structs.replace(managed.agent, password=Secret("tell nobody"))
    assert "tell nobody" not in repr(wrong)
    cluster = Cluster(Connections(agent=wrong, reader=managed.reader, home=managed.database), {}, random=os.urandom)
    with pytest.raises(DatabaseUnavailableError) as caught:
        await cluster.start(THUMBPRINT, NOW)
    assert "tell nobody" not in str(caught.value)
    await cluster.close()


async def test_the_verifier_is_postgresqls_own(postgres: EmbeddedPostgres) -> None:
    """Made by us and by libpq from one password: both let it in."""
    async with await superuser_connection(postgres) as connection:
        password = Secret("pencil")
        ours = scram.verifier(password, bytes(range(16)), 4096)
        assert ours.startswith("SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$")
        await connection.execute(sql.SQL("CREATE ROLE penciller LOGIN PASSWORD {}").format(sql.Literal(ours)))
        try:
            cursor = await connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'penciller'")
            assert await cursor.fetchone() == (ours,)
            async with await psycopg.AsyncConnection.connect(
                host=postgres.host, port=postgres.port, user="penciller", password="pencil", dbname="postgres"
            ):
                pass
        finally:
            await connection.execute("DROP ROLE penciller")
