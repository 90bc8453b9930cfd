"""The catalog snapshot: what is there, as the kernel's records, through a login that can read no table."""

from __future__ import annotations

import pytest
from psycopg import errors as sqlstate

from fix_postgres import Managed
from p0_access.encoding import decode, encode, sha256_b64u
from p0_access.permissions.catalog import Catalog, Column, Constraint, Function, Operator, Relation, Type
from p0_access.permissions.infer import read
from p0_access.permissions.permission import Kind, Permission, column, usage
from p0_access.permissions.reading import Refused
from p0_agent.postgres.errors import PostgresError

EXTRAS = """
CREATE TABLE enterprise.parts (
  id int NOT NULL, low numeric GENERATED ALWAYS AS (id * 2) STORED,
  seq bigint DEFAULT nextval('ledger.accounts_id_seq'),
  plain text DEFAULT 'nextval(''enterprise.orders_id_seq'')'
) PARTITION BY RANGE (id);
CREATE TABLE enterprise.parts_1 PARTITION OF enterprise.parts FOR VALUES FROM (0) TO (10);
ALTER TABLE enterprise.markets ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION ledger.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamped BEFORE INSERT ON ledger.entries FOR EACH ROW EXECUTE FUNCTION ledger.stamp();
CREATE RULE nothing AS ON DELETE TO ledger.entries DO INSTEAD NOTHING;
CREATE VIEW enterprise.mine {invoker} AS SELECT name FROM enterprise.customers;
CREATE MATERIALIZED VIEW enterprise.frozen AS SELECT code FROM enterprise.markets;
CREATE FUNCTION enterprise.rate(amount integer, "on" date DEFAULT now()::date, OUT result numeric)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = enterprise AS 'SELECT amount::numeric';
REVOKE EXECUTE ON FUNCTION enterprise.rate FROM PUBLIC;
COMMENT ON FUNCTION enterprise.rate IS 'p0:internal';
CREATE PROCEDURE enterprise.touch() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE DOMAIN enterprise.code AS text CHECK (VALUE ~ '^[A-Z]+$');
CREATE TYPE enterprise.pair AS (a int, b enterprise.code);
CREATE TYPE enterprise.mood AS ENUM ('good', 'bad');
CREATE FUNCTION enterprise.same(a enterprise.pair, b enterprise.pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR enterprise.=== (LEFTARG = enterprise.pair, RIGHTARG = enterprise.pair, FUNCTION = enterprise.same);
ALTER TABLE enterprise.customers DROP COLUMN created_at;
"""


@pytest.fixture
async def catalog(managed: Managed) -> Catalog:
    """Of the demo's database and a few things more."""
    async with await managed.superuser() as connection:
        invoker = "WITH (security_invoker = on)" if connection.info.server_version >= 150000 else ""
        await connection.execute(EXTRAS.replace("{invoker}", invoker).encode())
    return await managed.cluster.catalog(managed.database)


def relation(catalog: Catalog, schema: str, name: str) -> Relation:
    found = catalog.relation(schema, name)
    assert found is not None
    return found


def test_tables_with_columns_comments_and_constraints(catalog: Catalog) -> None:
    customers = relation(catalog, "enterprise", "customers")
    assert (customers.kind, customers.comment) == ("table", "Companies and people who buy from us")
    assert [item.name for item in customers.columns] == ["id", "market_id", "name", "email", "phone", "segment"]
    assert customers.columns[0] == Column(name="id", type="bigint", nullable=False, identity="by_default")
    assert customers.columns[3].comment == "p0:pii Where invoices go"
    assert customers.columns[5].default == "'retail'::text"
    assert (
        Constraint(
            name="customers_market_id_fkey",
            kind="foreign",
            columns=("market_id",),
            definition="FOREIGN KEY (market_id) REFERENCES enterprise.markets(id)",
        )
        in customers.constraints
    )
    assert {item.kind for item in customers.constraints} == {"primary", "unique", "foreign", "check"}


def test_serials_are_what_defaults_draw_from(catalog: Catalog) -> None:
    assert relation(catalog, "enterprise", "orders").serials == {"id": ("enterprise", "orders_id_seq")}
    assert relation(catalog, "ledger", "entries").serials == {}
    assert relation(catalog, "enterprise", "parts").serials == {"seq": ("ledger", "accounts_id_seq")}
    assert relation(catalog, "enterprise", "orders_id_seq").kind == "sequence"


def test_flags_say_that_more_is_checked(catalog: Catalog) -> None:
    markets, entries = relation(catalog, "enterprise", "markets"), relation(catalog, "ledger", "entries")
    assert (markets.row_security, markets.triggers, markets.rules) == (True, False, False)
    assert (entries.row_security, entries.triggers, entries.rules) == (False, True, True)
    assert relation(catalog, "enterprise", "orders").triggers is False  # foreign keys' own do not count


def test_views_partitions_and_generated_columns(catalog: Catalog, managed: Managed) -> None:
    revenue = relation(catalog, "enterprise", "market_revenue")
    assert (revenue.kind, revenue.security_invoker, revenue.rules) == ("view", False, False)
    assert "FROM ((enterprise.markets m" in (revenue.definition or "")
    assert relation(catalog, "enterprise", "mine").security_invoker is (catalog.server_version >= 15)
    assert relation(catalog, "enterprise", "frozen").kind == "matview"
    parts, part = relation(catalog, "enterprise", "parts"), relation(catalog, "enterprise", "parts_1")
    assert (parts.kind, part.kind, part.inherits) == ("partitioned", "table", (("enterprise", "parts"),))
    assert parts.columns[1].generated == "stored"


def test_functions_types_and_operators(catalog: Catalog) -> None:
    (rate,) = catalog.functions_named("enterprise", "rate")
    assert rate == Function(
        schema="enterprise",
        name="rate",
        arguments='amount integer, "on" date, OUT result numeric',
        returns="numeric",
        security_definer=True,
        public=False,
        comment="p0:internal",
        types=("integer", "date"),
        defaults=1,
        default_values=("(now())::date",),
        volatility="stable",
        body="SELECT amount::numeric",
        settings=("search_path=enterprise",),
    )
    (touch,) = catalog.functions_named("enterprise", "touch")
    assert (touch.kind, touch.returns, touch.public) == ("procedure", "", True)
    assert "BEGIN ATOMIC" in (touch.body or "")
    assert catalog.type("enterprise", "code") == Type(
        schema="enterprise", name="code", kind="domain", base="text", checks=("(VALUE ~ '^[A-Z]+$'::text)",)
    )
    pair = catalog.type("enterprise", "pair")
    assert pair is not None
    assert [(item.name, item.type) for item in pair.columns] == [("a", "integer"), ("b", "enterprise.code")]
    assert {item.name for item in catalog.types} == {"code", "pair", "mood"}
    assert catalog.operators_named("===") == (
        Operator(
            schema="enterprise",
            name="===",
            left="enterprise.pair",
            right="enterprise.pair",
            function=("enterprise", "same"),
        ),
    )


async def test_the_version_is_a_digest_of_the_rest(catalog: Catalog, managed: Managed) -> None:
    again = await managed.cluster.catalog(managed.database)
    assert again == catalog
    assert decode(encode(catalog), Catalog, max_bytes=10_000_000) == catalog
    text = encode(catalog).replace(catalog.version.encode(), b"", 1)
    assert sha256_b64u(text) == catalog.version


CHANGES = [
    "ALTER TABLE enterprise.markets ADD COLUMN added int",
    "ALTER TABLE enterprise.markets RENAME COLUMN name TO renamed",
    "ALTER TABLE enterprise.customers ALTER COLUMN phone SET NOT NULL",
    "ALTER TABLE enterprise.customers ALTER COLUMN phone SET DEFAULT 'x'",
    "ALTER TABLE enterprise.customers ALTER COLUMN segment SET DEFAULT 'partner'",
    "ALTER TABLE enterprise.customers ALTER COLUMN phone TYPE varchar(20)",
    "ALTER TABLE enterprise.orders DROP COLUMN note",
    "COMMENT ON COLUMN enterprise.orders.note IS 'p0:pii'",
    "COMMENT ON TABLE enterprise.orders IS NULL",
    "CREATE TABLE ledger.another ()",
    "DROP VIEW enterprise.market_revenue",
    "CREATE OR REPLACE VIEW enterprise.mine AS SELECT id FROM enterprise.orders WHERE amount > 1",
    "ALTER VIEW enterprise.market_revenue SET (security_invoker = true)",
    "ALTER TABLE enterprise.orders ENABLE ROW LEVEL SECURITY",
    "CREATE RULE nothing AS ON DELETE TO ledger.entries DO INSTEAD NOTHING",
    "ALTER TABLE enterprise.orders ADD CHECK (amount < 1000000)",
    "ALTER TABLE enterprise.orders RENAME CONSTRAINT orders_pkey TO another",
    "CREATE FUNCTION enterprise.f() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE DOMAIN enterprise.d AS int",
    "CREATE TYPE enterprise.c AS (a int)",
    "CREATE SEQUENCE ledger.numbers",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_shows_in_version_and_fingerprint(change: str, managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("UPDATE enterprise.customers SET phone = '0' WHERE phone IS NULL")
        await connection.execute("CREATE VIEW enterprise.mine AS SELECT id FROM enterprise.orders")
        cluster, database = managed.cluster, managed.database
        before = (await cluster.catalog(database)).version, await cluster.fingerprint(database)
        if "security_invoker" in change and connection.info.server_version < 150000:
            pytest.skip("no security_invoker before PostgreSQL 15")
        await connection.execute(change.encode())
        after = (await cluster.catalog(database)).version, await cluster.fingerprint(database)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE FUNCTION enterprise.changing() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        "REVOKE EXECUTE ON FUNCTION enterprise.changing FROM PUBLIC",
        "ALTER DOMAIN enterprise.changing ADD CHECK (VALUE > 1)",
        "COMMENT ON DOMAIN enterprise.changing IS 'p0:pii'",
    ],
)
async def test_changes_of_functions_and_domains_show_too(change: str, managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("CREATE FUNCTION enterprise.changing() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        await connection.execute("CREATE DOMAIN enterprise.changing AS int")
        cluster, database = managed.cluster, managed.database
        before = (await cluster.catalog(database)).version, await cluster.fingerprint(database)
        await connection.execute(change.encode())
        after = (await cluster.catalog(database)).version, await cluster.fingerprint(database)
    assert before[0] != after[0]
    assert before[1] != after[1]


PRIVATE = """
CREATE FUNCTION enterprise.hidden() RETURNS int LANGUAGE sql RETURN 1;
CREATE DOMAIN enterprise.hidden AS int;
REVOKE EXECUTE ON FUNCTION enterprise.hidden FROM PUBLIC;
REVOKE USAGE ON DOMAIN enterprise.hidden FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enterprise.hidden TO p0_broker WITH GRANT OPTION;
GRANT USAGE ON DOMAIN enterprise.hidden TO p0_broker WITH GRANT OPTION
"""


async def test_leases_and_data_change_neither(managed: Managed) -> None:
    cluster, database = managed.cluster, managed.database
    async with await managed.superuser() as connection:
        await connection.execute(PRIVATE)
    before = (await cluster.catalog(database)).version, await cluster.fingerprint(database)
    entry, _ = await managed.open(
        usage("enterprise"),
        column("enterprise", "markets", "name", "SELECT"),
        Permission(Kind.FUNCTION, "enterprise", "hidden()", None, "EXECUTE"),
        Permission(Kind.TYPE, "enterprise", "hidden", None, "USAGE"),
    )
    async with await managed.superuser() as connection:
        await connection.execute("DELETE FROM ledger.entries")
        await connection.execute("VACUUM ANALYZE ledger.entries")
    assert ((await cluster.catalog(database)).version, await cluster.fingerprint(database)) == before
    await managed.end(entry)
    assert ((await cluster.catalog(database)).version, await cluster.fingerprint(database)) == before


async def test_the_reader_reads_no_table_and_writes_nothing(managed: Managed) -> None:
    async with managed.cluster.connections.reader(managed.database) as connection:
        for statement in (
            "SELECT FROM enterprise.markets",
            "SELECT FROM ledger.entries",
            "SELECT FROM p0.request",
            "SELECT FROM p0_evidence.log",
            "SET ROLE p0_broker",
        ):
            with pytest.raises(sqlstate.InsufficientPrivilege):
                await connection.execute(statement.encode())
        cursor = await connection.execute("SHOW log_min_messages")
        assert await cursor.fetchone() == ("panic",)


async def test_a_schema_that_is_not_there(managed: Managed) -> None:
    managed.cluster.databases[managed.database] = ("enterprise", "elsewhere")
    with pytest.raises(PostgresError, match="there is no schema elsewhere") as caught:
        await managed.cluster.catalog(managed.database)
    assert caught.value.code == "schema_missing"


async def test_a_database_that_is_not_managed(managed: Managed) -> None:
    with pytest.raises(PostgresError) as caught:
        await managed.cluster.catalog("postgres")
    assert caught.value.code == "unknown_database"


BROKEN = """
CREATE FUNCTION enterprise.gone(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1;
CREATE VIEW enterprise.broken_view AS SELECT enterprise.gone(1) AS one;
CREATE VIEW enterprise.over_broken AS SELECT one FROM enterprise.broken_view;
CREATE TABLE enterprise.broken_default (id int DEFAULT enterprise.gone(1));
CREATE TABLE enterprise.broken_check (id int CHECK (enterprise.gone(id) > 0));
CREATE TABLE enterprise.broken_index (id int);
CREATE INDEX ON enterprise.broken_index (enterprise.gone(id));
CREATE TABLE enterprise.broken_policy (id int);
CREATE POLICY p ON enterprise.broken_policy USING (enterprise.gone(id) > 0);
CREATE TABLE enterprise.broken_rule (id int);
CREATE RULE r AS ON DELETE TO enterprise.broken_rule WHERE enterprise.gone(OLD.id) > 0 DO INSTEAD NOTHING;
CREATE TABLE enterprise.broken_trigger (id int);
CREATE FUNCTION enterprise.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON enterprise.broken_trigger FOR EACH ROW WHEN (enterprise.gone(NEW.id) > 0)
  EXECUTE FUNCTION enterprise.stamp();
CREATE FUNCTION enterprise.broken_body() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT enterprise.gone(1); END;
CREATE DOMAIN enterprise.broken_domain AS int CHECK (enterprise.gone(VALUE) > 0);
CREATE TABLE enterprise.of_domain (id enterprise.broken_domain);
SET allow_system_table_mods = on;
DELETE FROM pg_proc WHERE oid = 'enterprise.gone(int)'::regprocedure
"""


async def test_what_cannot_be_printed_costs_only_itself(managed: Managed) -> None:
    """A function is deleted from the catalogs, as a superuser or a bad disk can, beneath everything that uses it."""
    before = await managed.cluster.catalog(managed.database)
    async with await managed.superuser() as connection:
        await connection.execute(BROKEN.encode())
    catalog = await managed.cluster.catalog(managed.database)
    assert all(item in catalog.relations for item in before.relations)
    unreadable = {item.name for item in catalog.relations if item.unreadable}
    unreadable |= {item.name for item in catalog.functions if item.unreadable}
    unreadable |= {item.name for item in catalog.types if item.unreadable}
    assert unreadable == {
        *("broken_view", "broken_default", "broken_check", "broken_index", "broken_policy", "broken_rule"),
        *("broken_trigger", "broken_body", "broken_domain"),
    }
    assert [column.name for column in relation(catalog, "enterprise", "broken_view").columns] == ["one"]
    assert relation(catalog, "enterprise", "broken_view").definition is None
    for name in ("broken_view", "broken_default", "broken_check", "broken_index", "broken_policy", "broken_rule"):
        assert refusal(catalog, f"SELECT FROM enterprise.{name}") == "unreadable_object"
    assert refusal(catalog, "SELECT one FROM enterprise.over_broken") == "unreadable_object"
    assert refusal(catalog, "INSERT INTO enterprise.broken_trigger VALUES (1)") == "unreadable_object"
    assert refusal(catalog, "SELECT enterprise.broken_body()") == "unreadable_object"
    assert refusal(catalog, "SELECT 1::enterprise.broken_domain") == "unreadable_object"
    assert refusal(catalog, "INSERT INTO enterprise.of_domain VALUES (1)") == "unreadable_object"
    assert refusal(catalog, "SELECT name FROM enterprise.markets") is None
    assert (await managed.cluster.catalog(managed.database)).version == catalog.version


def refusal(catalog: Catalog, statement: str) -> str | None:
    (found,) = read(statement, catalog)
    return found.code if isinstance(found, Refused) else None
