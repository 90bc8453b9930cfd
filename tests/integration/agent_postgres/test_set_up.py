"""The set-up SQL as other than the superuser of one's own server runs it, and its undoing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from fix_postgres import BOTH_MODES, GUARD_CEILING, LATER, NOW, PASSWORDS, THUMBPRINT, Mode, superuser_connection
from p0_access.permissions.permission import connect, relation, usage
from p0_agent.config import Ceiling
from p0_agent.postgres import hardening, scram
from p0_agent.postgres.bootstrap import Roles, Script, bootstrap_sql, undo_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.errors import SelfCheckError
from p0_agent.postgres.guard import GuardPowers
from p0_agent.postgres.names import login_name, maker_of
from p0_agent.postgres.powers import BrokerPowers
from p0_agent.postgres.provision import Opened, Order
from p0_demo.postgres import EmbeddedPostgres

pytestmark = BOTH_MODES
ROLES = Roles(broker="p0_other_broker", agent="p0_other_agent", reader='p0_other "reader"', keeper="p0_other_keeper")
SCHEMAS = ("enterprise", "ledger")
WITHOUT_MAKERS = """
GRANT {login}, {set} TO {creator} WITH ADMIN OPTION;
REVOKE {set} FROM {login} GRANTED BY {maker_of_set};
REVOKE {login} FROM {maker} CASCADE;
REVOKE {set} FROM {maker_of_set} CASCADE;
GRANT {set} TO {login} WITH INHERIT TRUE, SET FALSE GRANTED BY {creator}
"""
WITHOUT_MAKERS_BEFORE_16 = (
    "GRANT {login}, {set} TO {creator}; REVOKE {login} FROM {maker}; REVOKE {set} FROM {maker_of_set}"
)
"""Turns an access into one of a version in which the broker made all roles itself, or others of the makers did."""
OTHER_FUNCTIONS = """
SET ROLE {broker};
DROP FUNCTION p0_guard.set(text, jsonb);
CREATE FUNCTION p0_guard.set(login text, settings jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION p0_guard.open_set(role text, once boolean) RETURNS void LANGUAGE sql AS ''
"""
VERIFIERS = [scram.verifier(password, b"salt" * 4, iterations=1) for password in PASSWORDS]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A database, and the administrator who sets it up."""

    server: EmbeddedPostgres
    database: str
    mode: Mode
    administrator: str
    version: int

    async def run(self, scripts: Iterable[Script]) -> None:
        for script in scripts:
            async with await psycopg.AsyncConnection.connect(
                **self.server.superuser(script.database) | {"user": self.administrator, "password": "admin"},
                autocommit=True,
            ) as connection:
                await connection.execute(script.sql.encode())

    async def set_up(self) -> None:
        await self.run(
            bootstrap_sql(
                server_version=self.version,
                home=self.database,
                databases={self.database: SCHEMAS},
                agent_verifier=VERIFIERS[0],
                reader_verifier=VERIFIERS[1],
                roles=ROLES,
                hardened=GUARD_CEILING if self.mode == "hardened" else None,
            )
        )

    async def undo(self) -> None:
        await self.run(undo_sql(home=self.database, databases=[self.database], roles=ROLES))

    async def traces(self) -> list[tuple[object, ...]]:
        """All that a set-up changes in the catalogs, with access lists spelled out."""
        async with await superuser_connection(self.server, self.database) as connection:
            cursor = await connection.execute(
                "WITH entry AS ("
                " SELECT 'relation' AS kind, relname::text AS name, coalesce(relacl, acldefault('r', relowner)) AS acl"
                "   FROM pg_class WHERE relnamespace >= 16384 AND relkind <> 'i' AND relkind <> 'S'"
                " UNION ALL SELECT 'sequence', relname, coalesce(relacl, acldefault('s', relowner))"
                "   FROM pg_class WHERE relnamespace >= 16384 AND relkind = 'S'"
                " UNION ALL SELECT 'schema', nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace"
                " UNION ALL SELECT 'database', datname, coalesce(datacl, acldefault('d', datdba)) FROM pg_database"
                " UNION ALL SELECT 'default', concat(defaclrole::regrole, defaclobjtype), defaclacl FROM pg_default_acl"
                " UNION ALL SELECT 'function', proname, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc"
                "   WHERE oid >= 16384)"
                " SELECT e.kind, e.name, a::text FROM entry e, aclexplode(e.acl) a"
                " UNION ALL SELECT 'role', r.rolname, r.rolcreaterole::text || s.setconfig::text FROM pg_roles r"
                "   LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid"
                " UNION ALL SELECT 'member', roleid::regrole::text, member::regrole::text FROM pg_auth_members"
                " UNION ALL SELECT 'comment', classoid::regclass::text || objoid, description FROM pg_description"
                "   WHERE objoid >= 16384"
                " UNION ALL SELECT 'dependency', classid::regclass::text || objid, refobjid::text FROM pg_shdepend"
                " ORDER BY 1, 2, 3"
            )
            return await cursor.fetchall()

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        agent, reader = (
            Account(host=self.server.host, port=self.server.port, user=user, password=password, sslmode="disable")
            for user, password in zip((ROLES.agent, ROLES.reader), PASSWORDS, strict=True)
        )
        powers = GuardPowers(ROLES.broker) if self.mode == "hardened" else BrokerPowers(ROLES.broker)
        cluster = Cluster(
            Connections(agent=agent, reader=reader, home=self.database, powers=powers),
            {self.database: SCHEMAS},
            random=os.urandom,
            iterations=1,
            broker_on_old_versions=True,
        )
        try:
            yield cluster
        finally:
            await cluster.close()


@pytest.fixture
async def place(postgres: EmbeddedPostgres, demo_database: str, mode: Mode) -> AsyncIterator[Place]:
    """By an administrator as hosted PostgreSQL has them: no superuser, but may create roles and databases, and owns."""
    async with await superuser_connection(postgres, demo_database) as superuser:
        await superuser.execute("CREATE ROLE hosted_admin LOGIN CREATEROLE CREATEDB PASSWORD 'admin'")
        await superuser.execute(
            sql.SQL("GRANT mydatabase_owner TO hosted_admin; ALTER DATABASE {} OWNER TO hosted_admin").format(
                sql.Identifier(demo_database)
            )
        )
        version = superuser.info.server_version // 10_000
        place = Place(server=postgres, database=demo_database, mode=mode, administrator="hosted_admin", version=version)
        yield place
        await place.undo()
        await superuser.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(demo_database))
        )
        await superuser.execute("DROP ROLE hosted_admin")


async def live(cluster: Cluster, database: str, rid: str) -> tuple[Order, Opened]:
    """A request that is opened."""
    await cluster.ledger.claim(rh=rid, rid=rid, database=database, request="jws", now=NOW)
    await cluster.ledger.admit(rid, "jws", "approved", NOW)
    order = Order(
        rh=rid,
        rid=rid,
        database=database,
        login=login_name(person="ada@example.com", issuer="https://issuer", subject="ada", rh=rid),
        permissions=(connect(database), usage("enterprise"), relation("enterprise", "markets", "SELECT")),
        not_after=LATER,
        read_only=True,
    )
    return order, await cluster.open(order, NOW)


async def end(cluster: Cluster, order: Order) -> None:
    ended = await cluster.end(await cluster.ledger.begin_end(order.rh, "revoked", NOW))
    assert ended.residue == ()


async def test_without_a_superuser_it_works_and_what_is_lacking_is_told(place: Place) -> None:
    await place.set_up()
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
        order, _ = await live(cluster, place.database, "hosted-1")
        await end(cluster, order)
        gaps = {gap.what for gap in await hardening.cluster_gaps(cluster.connections, [place.database])}
        assert any("p0.verifier_is" in what for what in gaps)
        assert any("cannot set temp_file_limit" in what for what in gaps) is (place.version >= 15)
        assert not any(" is a member of " in what for what in gaps)
        assert not [
            gap.what
            for gap in await hardening.database_gaps(
                cluster.connections, {place.database: SCHEMAS}, privileges=Ceiling().privileges, large_objects=False
            )
            if "the agent" in gap.what
        ]


async def test_a_password_that_a_login_changed_is_put_back(place: Place) -> None:
    """That it was changed cannot be seen without a superuser's help."""
    await place.set_up()
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
        order, opened = await live(cluster, place.database, "hosted-3")

        async def connect_with(password: str) -> psycopg.AsyncConnection:
            return await psycopg.AsyncConnection.connect(
                host=place.server.host,
                port=place.server.port,
                user=order.login,
                password=password,
                dbname=place.database,
                autocommit=True,
            )

        async with await connect_with(opened.password.reveal()) as user:
            await user.execute("SET default_transaction_read_only = off")
            await user.execute("ALTER ROLE CURRENT_USER PASSWORD 'handed on'")
            async with await connect_with("handed on"):
                pass
            assert await cluster.drift() == ()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await connect_with("handed on")
        async with await connect_with(opened.password.reveal()):
            pass
        await end(cluster, order)


async def test_undone_it_leaves_nothing(place: Place) -> None:
    before = await place.traces()
    await place.set_up()
    once = await place.traces()
    assert once != before
    await place.set_up()
    assert await place.traces() == once
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
    await place.undo()
    assert await place.traces() == before
    await place.undo()
    assert await place.traces() == before


async def test_it_is_not_undone_while_there_are_accesses(place: Place) -> None:
    await place.set_up()
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
        order, _ = await live(cluster, place.database, "hosted-2")
        with pytest.raises(psycopg.errors.RaiseException, match="there are accesses"):
            await place.undo()
        await end(cluster, order)


@pytest.mark.parametrize("creator", [ROLES.broker, f"{ROLES.broker}_07"])
async def test_accesses_of_a_version_with_other_makers_end_once_it_is_run_again(creator: str, place: Place) -> None:
    await place.set_up()
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
        order, opened = await live(cluster, place.database, "hosted-4")
    names = {
        "login": order.login,
        "set": opened.set_role,
        "broker": ROLES.broker,
        "creator": creator,
        "maker": maker_of(ROLES.broker, order.login),
        "maker_of_set": maker_of(ROLES.broker, opened.set_role),
    }
    older = [WITHOUT_MAKERS if place.version >= 16 else WITHOUT_MAKERS_BEFORE_16]
    if place.mode == "hardened":
        older.append(OTHER_FUNCTIONS)
    for statements in older:
        async with await superuser_connection(place.server, place.database) as superuser:
            await superuser.execute(sql.SQL(statements).format(**{k: sql.Identifier(v) for k, v in names.items()}))
    with pytest.raises(psycopg.errors.RaiseException, match="there are accesses"):
        await place.undo()
    async with place.cluster() as cluster:
        with pytest.raises(SelfCheckError) as caught:
            await cluster.start(THUMBPRINT, NOW)
    assert caught.value.code == ("guard_unfit" if place.mode == "hardened" else "makers_unfit")
    await place.set_up()
    async with place.cluster() as cluster:
        await cluster.start(THUMBPRINT, NOW)
        async with await psycopg.AsyncConnection.connect(
            host=place.server.host,
            port=place.server.port,
            user=order.login,
            password=opened.password.reveal(),
            dbname=place.database,
        ) as user:
            await end(cluster, order)
            with pytest.raises(psycopg.OperationalError):
                await user.execute("SELECT")
        async with await superuser_connection(place.server, place.database) as superuser:
            left = await superuser.execute(
                "SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", (order.login, opened.set_role)
            )
            assert await left.fetchall() == []
