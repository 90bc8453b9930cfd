"""The kernel's reading and PostgreSQL's own agree on the cases of inference, and what they make of it together."""

from __future__ import annotations

from typing import Final

import pytest

from fix_agent_core import Bench
from fix_inference import cases
from fix_reading import Reading
from p0_access.errors import P0Error
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission, canonical
from p0_access.permissions.reading import Refused, StatementReading

THEMES: Final = ("select", "writing", "views_and_functions", "session", "utility")

# SQL that servers before 18 (or 16, 17) do not know: they refuse it, which is right.
TOO_NEW: Final = "42601", "42P01", "42883", "0A000"


async def test_the_two_readings_agree_on_every_case(reading: Reading) -> None:
    version = (await reading.catalogs.current(reading.managed.database)).server_version
    read = 0
    for case in cases(*THEMES):
        sql = case.sql.replace("mydb.", f"{reading.managed.database}.")
        told = await _told(reading, sql)
        if told is None:
            assert case.understood, sql
            assert not reading.said, (sql, vars(reading.said[0]))
            read += 1
        else:
            too_new = version < 18 and any(state in told for state in TOO_NEW)
            too_new = too_new or (version < 15 and told.startswith("unknown_table"))  # a security_invoker view
            assert too_new or not case.understood, (sql, told)
    assert read > 250
    assert reading.reader.counts.statements >= read
    assert reading.reader.counts.differences == 0


async def _told(reading: Reading, sql: str) -> str | None:
    """Why it is refused, if it is."""
    try:
        await reading.read(sql)
    except P0Error as error:
        return f"{error.code}: {error}"
    return None


async def test_what_the_kernel_refuses_stays_refused(reading: Reading) -> None:
    for case in cases("refused"):
        with pytest.raises(P0Error):
            await reading.read(case.sql)


async def test_a_temporary_view_is_refused_with_what_to_write_instead(reading: Reading) -> None:
    with pytest.raises(P0Error) as caught:
        await reading.read("create temp view v as select name from hr.employees; select * from v")
    assert caught.value.code == "unsupported_statement"
    assert caught.value.hint == "Name its query where it is used, by WITH, or make it a temporary table."
    assert "SELECT (name) on hr.employees" in await reading.needs(
        "create temp table v as select name from hr.employees; select * from v"
    )


async def test_the_union_over_statements(reading: Reading) -> None:
    needs = await reading.needs("select name from hr.employees; select title from hr.depts", "select id from hr.person")
    assert needs == ["SELECT (id) on hr.person", "SELECT (name) on hr.employees", "SELECT (title) on hr.depts"]


async def test_a_difference_is_postgresqls_to_decide_and_is_told(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's answer is bent: it lacks one column and has another too many."""
    understand = reading.child.understand

    async def bent(texts: tuple[str, ...], catalog: Catalog, path: tuple[str, ...]) -> object:
        return tuple(
            type(each)(reading=_bent(each.reading), piece=each.piece) for each in await understand(texts, catalog, path)
        )

    monkeypatch.setattr(reading.child, "understand", bent)
    found = await reading.read("select name from hr.employees")
    assert "SELECT (name) on hr.employees" in map(str, found.needed)
    assert "SELECT (salary) on hr.employees" not in map(str, found.needed)
    assert [each.code for each in found.warnings] == ["readings_differ"]
    assert (reading.reader.counts.statements, reading.reader.counts.differences) == (1, 1)
    (record,) = reading.said
    assert vars(record)["kernel_lacks"] == ["SELECT (name) on hr.employees"]
    assert vars(record)["kernel_alone"] == ["SELECT (salary) on hr.employees"]
    assert "select" not in record.getMessage()


def _bent(reading: StatementReading | Refused) -> StatementReading | Refused:
    assert isinstance(reading, StatementReading)
    needs = []
    for need in reading.needs:
        permission = need.permission
        if permission.column == "name":
            permission = Permission(permission.kind, permission.schema, permission.object, "salary", "SELECT")
        needs.append(type(need)(permission=permission, why=need.why))
    return StatementReading(
        index=reading.index, text=reading.text, command=reading.command, writes=reading.writes, needs=tuple(needs)
    )


async def test_postgresql_stands_in_for_a_name_the_kernel_cannot_make_out(reading: Reading) -> None:
    await reading.execute("CREATE RULE also AS ON UPDATE TO hr.person DO ALSO DELETE FROM hr.depts WHERE head = old.id")
    found = await reading.read("update hr.person set name = 'x' where id = 1")
    assert {str(each) for each in found.needed if not each.implied} == {
        "SELECT (id) on hr.person",
        "UPDATE (name) on hr.person",
    }
    assert "DELETE on hr.depts" in map(str, found.reached)
    assert [each.kind for each in found.objects] == ["rule"]


async def test_objects_are_named_with_digests_that_follow_their_definitions(reading: Reading) -> None:
    statements = (
        "select id, util.counted('x') from shop.v_orders; update shop.audited set v = 1;"
        " select note from shop.private; insert into shop.customers (name, email) values ('x', 'a@b')"
    )
    before = {(each.kind, each.name): each.digest for each in (await reading.read(statements)).objects}
    assert {
        ("view", "shop.v_orders"),
        ("function", "util.counted(text)"),
        ("trigger", "shop.audited audit"),
        ("function", "util.on_audit()"),
        ("policy", "shop.private reading"),
        ("domain", "shop.email"),
    } <= set(before)
    for change, touched in (
        (
            "CREATE OR REPLACE VIEW shop.v_orders AS SELECT id, note AS customer, total FROM shop.orders",
            "shop.v_orders",
        ),
        ("ALTER FUNCTION util.on_audit() SECURITY DEFINER", "util.on_audit()"),
        ("ALTER TABLE shop.audited DISABLE TRIGGER audit", "shop.audited audit"),
        ("ALTER POLICY reading ON shop.private USING (true)", "shop.private reading"),
        ("ALTER DOMAIN shop.email ADD CHECK (VALUE <> '')", "shop.email"),
        ("ALTER FUNCTION util.counted(text) OWNER TO p0_broker", "util.counted(text)"),
    ):
        await reading.execute(change)
        after = {(each.kind, each.name): each.digest for each in (await reading.read(statements)).objects}
        changed = {name for (kind, name), digest in after.items() if before.get((kind, name)) != digest}
        assert touched in changed, change
        before = after
    await reading.execute("ALTER FUNCTION util.counted(text) OWNER TO postgres")


async def test_reading_twice_gives_the_same(reading: Reading) -> None:
    sql = "select * from shop.v_orders; insert into shop.audited values (1, 2); select util.total_definer(1)"
    one, two = await reading.read(sql), await reading.read(sql)
    assert (one.needed, one.reached, one.objects, one.warnings) == (two.needed, two.reached, two.objects, two.warnings)
    assert one.needed == canonical(one.needed)
    assert one.reached == canonical(one.reached)


async def test_a_view_redefined_before_collection_makes_it_another_request(bench: Bench) -> None:
    """The permissions stay the same; only the view's condition is another."""
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    async with await bench.managed.superuser() as connection:
        await connection.execute(
            "CREATE VIEW enterprise.contacts AS SELECT email FROM enterprise.customers WHERE id = 1"
        )
        await connection.execute("COMMENT ON COLUMN enterprise.contacts.email IS 'p0:pii'")
        await connection.execute("GRANT SELECT ON enterprise.contacts TO p0_broker WITH GRANT OPTION")
    request, _ = bench.ask(dana, "select email from enterprise.contacts")
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, pat)).outcome == "approved", admitted
    async with await bench.managed.superuser() as connection:
        await connection.execute("CREATE OR REPLACE VIEW enterprise.contacts AS SELECT email FROM enterprise.customers")
    result = await bench.collect(request, admitted, dana)
    assert (result.outcome, result.code) == ("refused", "changed")
    assert await bench.roles() == []


async def test_what_runs_out_of_sight_is_charged_named_and_digested(reading: Reading) -> None:
    """Triggers of partitions and children, functions in WHEN, and those of aggregates."""
    await reading.execute("""
        CREATE TABLE hr.beneath_log (msg text);
        CREATE FUNCTION util.logs(text) RETURNS bool LANGUAGE plpgsql
            AS 'BEGIN INSERT INTO hr.beneath_log VALUES ($1); RETURN true; END';
        CREATE FUNCTION util.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TABLE hr.parted (id int) PARTITION BY LIST (id);
        CREATE TABLE hr.parted1 PARTITION OF hr.parted FOR VALUES IN (1);
        CREATE TRIGGER own BEFORE INSERT ON hr.parted1 FOR EACH ROW WHEN (util.logs('x'))
            EXECUTE FUNCTION util.nothing();
        CREATE FUNCTION util.adds(int, int) RETURNS int LANGUAGE plpgsql
            AS 'BEGIN PERFORM util.logs($2::text); RETURN $1 + $2; END';
        CREATE AGGREGATE util.summed(int) (sfunc = util.adds, stype = int, initcond = '0');
        CREATE FUNCTION util.others(int, int) RETURNS int LANGUAGE sql SECURITY DEFINER
            AS 'SELECT min(id)::int FROM hr.parted';
        """)
    insert = "insert into hr.parted values (1)"
    assert await reading.needs(insert) == ["INSERT (id) on hr.parted", "INSERT (msg) on hr.beneath_log"]
    objects = {(each.kind, each.name) for each in (await reading.read(insert)).objects}
    assert objects >= {("trigger", "hr.parted1 own"), ("function", "util.logs(text)"), ("function", "util.nothing()")}

    select = "select util.summed(v) from (values (1), (2)) x (v)"
    assert await reading.needs(select) == ["INSERT (msg) on hr.beneath_log"]
    before = {each.name: each.digest for each in (await reading.read(select)).objects}
    await reading.execute(
        "CREATE OR REPLACE AGGREGATE util.summed(int) (sfunc = util.others, stype = int, initcond = '0')"
    )
    now = await reading.read(select)
    assert {each.name: each.digest for each in now.objects}["util.summed(integer)"] != before["util.summed(integer)"]
    assert [str(each) for each in now.reached] == ["SELECT (id) on hr.parted"]
    assert [each.code for each in now.warnings] == ["security_definer_function"]
    assert reading.reader.counts.differences == 0


async def test_a_casts_function_with_its_owners_rights_is_not_overlooked(reading: Reading) -> None:
    await reading.execute("""
        CREATE TYPE hr.pair AS (a int);
        CREATE FUNCTION util.paired(int) RETURNS hr.pair LANGUAGE sql SECURITY DEFINER
            AS 'SELECT row(head)::hr.pair FROM hr.depts';
        CREATE CAST (int AS hr.pair) WITH FUNCTION util.paired(int);
        CREATE TYPE hr.other AS (b int);
        CREATE FUNCTION util.paired(hr.other) RETURNS hr.pair LANGUAGE sql SECURITY DEFINER
            AS 'SELECT row(1)::hr.pair';
        CREATE CAST (hr.other AS hr.pair) WITH FUNCTION util.paired(hr.other) AS IMPLICIT;
        """)
    found = await reading.read("select 1::hr.pair")
    assert [str(each) for each in found.reached] == ["SELECT (head) on hr.depts"]
    assert [each.code for each in found.warnings] == ["security_definer_function"]
    assert "util.paired(integer)" in {each.name for each in found.objects}
    found = await reading.read("select row(1)::hr.other union all select row(2)::hr.pair")  # no tree shows it
    assert [each.code for each in found.warnings] == ["security_definer_function"]
    assert "util.paired(hr.other)" in {each.name for each in found.objects}


async def test_a_function_that_somebody_put_among_postgresqls_own_is_none_of_them(reading: Reading) -> None:
    """Some extensions do. What it runs is not known, and nothing of it would be charged."""
    await reading.execute("""
        CREATE FUNCTION pg_catalog.all_salaries() RETURNS bigint LANGUAGE plpgsql
            AS 'BEGIN RETURN (SELECT sum(salary) FROM hr.employees); END';
        """)
    with pytest.raises(P0Error) as caught:
        await reading.read("select all_salaries()")
    assert caught.value.code == "unknown_function"
