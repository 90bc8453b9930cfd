"""What people and objects in the database could try while a statement is analysed. None of it changes a reading."""

from __future__ import annotations

import time
from typing import Final

import pytest

from fix_reading import Reading
from p0_access.errors import P0Error
from p0_agent.postgres.errors import DatabaseBusyError
from p0_agent.reading import postgres
from p0_agent.reading.made import MadeTables
from p0_agent.reading.piece import Piece
from p0_agent.reading.tree import Tree

# The input of an array calls the CHECK of its elements' domain while the statement is analysed, and not for the domain
# itself, which is cast at run time. `{attack}` is PL/pgSQL.
DOMAIN: Final = """
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.loot (what text);
CREATE FUNCTION evil.helper() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS
  $helper$ BEGIN INSERT INTO evil.loot VALUES (session_user); RETURN true; END $helper$;
CREATE FUNCTION evil.attack(value text) RETURNS boolean LANGUAGE plpgsql AS
  $attack$ BEGIN {attack} RETURN true; END $attack$;
CREATE DOMAIN hr.lure AS text CHECK (evil.attack(VALUE));
"""
LURED: Final = "select name, '{x}'::hr.lure[] from hr.employees"
GOOD: Final = "select name from hr.employees"

FORGED: Final = """
({QUERY :commandType 1 :querySource 0 :canSetTag true :utilityStmt <> :cteList <> :rtable <> :rteperminfos <>})
"""


async def refused(reading: Reading, *sql: str) -> P0Error:
    with pytest.raises(P0Error) as caught:
        await reading.read(*sql)
    return caught.value


async def analyse_lured(reading: Reading, sql: str = LURED) -> Tree:
    """PostgreSQL's part alone: what the kernel makes of the domain doesn't stand before it."""
    async with reading.managed.cluster.connections.reader(reading.managed.database) as connection:
        return await postgres.analyse(connection, Piece(analysed=sql, command="SELECT"), ("public",), MadeTables())


async def attack(reading: Reading, code: str) -> P0Error:
    await reading.execute(DOMAIN.replace("{attack}", code))
    with pytest.raises(P0Error) as caught:
        await analyse_lured(reading)
    return caught.value


async def test_analysis_does_run_such_code(reading: Reading) -> None:
    """Else the tests here would prove nothing."""
    assert "P0001" in str(await attack(reading, "RAISE EXCEPTION 'I ran';"))


async def test_even_a_check_that_does_nothing_is_too_much(reading: Reading) -> None:
    """The trees of what it runs cannot be told from forged ones."""
    assert (await attack(reading, "")).code == "reading_untrusted"


@pytest.mark.parametrize(
    "attempt",
    [
        f"RAISE LOG 'rewritten parse tree:' USING DETAIL = '{FORGED}';",
        f"PERFORM set_config('debug_print_rewritten', 'off', false); RAISE LOG 'tree:' USING DETAIL = '{FORGED}';",
        "PERFORM set_config('debug_print_rewritten', 'off', false);",
        "PERFORM set_config('client_min_messages', 'error', false);",
        "EXECUTE 'SELECT 1'; PERFORM set_config('debug_print_rewritten', 'off', false);",
        "PERFORM set_config('debug_print_parse', 'on', false);",
        "FOR n IN 1..100 LOOP RAISE LOG 'noise'; END LOOP;",
        "RAISE NOTICE 'look here';",
    ],
)
async def test_a_forged_or_missing_tree_is_not_taken(reading: Reading, attempt: str) -> None:
    assert (await attack(reading, attempt)).code == "reading_untrusted"
    assert await reading.needs(GOOD) == ["SELECT (name) on hr.employees"]


@pytest.mark.parametrize(
    ("attempt", "sqlstate"),
    [
        ("PERFORM evil.helper();", "25006"),
        ("PERFORM set_config('transaction_read_only', 'off', false); PERFORM evil.helper();", "25001"),
        ("COMMIT; PERFORM evil.helper();", "2D000"),
        ("EXECUTE 'CREATE TEMP TABLE employees (name text)';", "25006"),
        ("PERFORM name FROM hr.employees;", "42501"),
    ],
)
async def test_nothing_is_written_and_nothing_read(reading: Reading, attempt: str, sqlstate: str) -> None:
    error = await attack(reading, attempt)
    assert sqlstate in str(error)
    async with await reading.managed.superuser() as connection:
        cursor = await connection.execute("SELECT count(*) FROM evil.loot")
        assert await cursor.fetchone() == (0,)


async def test_nothing_of_a_reading_stays_in_the_session(reading: Reading) -> None:
    await attack(
        reading,
        "PERFORM set_config('search_path', 'evil', false); PERFORM set_config('work_mem', '64kB', false);"
        " PERFORM pg_advisory_lock(1); EXECUTE 'LISTEN evil'; EXECUTE 'PREPARE _pg3_0 AS SELECT 1';"
        " EXECUTE 'DECLARE evil CURSOR WITH HOLD FOR SELECT 1'; RAISE LOG 'so that it is refused';",
    )
    async with reading.managed.cluster.connections.reader(reading.managed.database) as connection:
        cursor = await connection.execute(
            "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE is_holdable),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),"
            " (SELECT count(*) FROM pg_listening_channels()), current_setting('search_path'),"
            " current_setting('debug_print_rewritten'), current_setting('client_min_messages'),"
            " current_setting('work_mem') = '64kB', current_user = session_user"
        )
        assert await cursor.fetchone() == (0, 0, 0, 0, "pg_catalog", "off", "notice", False, True)


async def test_what_code_says_is_not_passed_on(reading: Reading) -> None:
    error = await attack(
        reading,
        "RAISE EXCEPTION 'a secret'"
        " USING DETAIL = 'a secret', HINT = 'a secret', COLUMN = 'a secret', ERRCODE = 'XYZ99';",
    )
    assert "XYZ99" in str(error)
    assert "secret" not in f"{error} {error.hint} {error!r}"


async def test_the_servers_own_hints_are_not_passed_on(reading: Reading) -> None:
    """`salary` is a column that the requestor may not know of; PostgreSQL would suggest it."""
    with pytest.raises(P0Error) as caught:
        await analyse_lured(reading, "select salry from hr.employees")
    assert "42703" in str(caught.value)
    assert "salary" not in f"{caught.value} {caught.value.hint}"
    error = await refused(reading, "select id + name from hr.employees")
    assert (error.code, "42883" in str(error), error.hint) == ("postgres_refuses", True, None)
    assert "line 1, column 11" in str(error)


async def test_a_sleeping_check_ends_by_the_timeout(reading: Reading) -> None:
    begun = time.monotonic()
    error = await attack(reading, "PERFORM set_config('statement_timeout', '0', false); PERFORM pg_sleep(60);")
    assert "57014" in str(error)
    assert time.monotonic() - begun < 20
    assert await reading.needs(GOOD) == ["SELECT (name) on hr.employees"]


async def test_several_commands_in_one_text_are_refused_by_the_protocol(reading: Reading) -> None:
    for sql in ("select 1; select 2", "select 1; drop table hr.employees", "select 1; commit; select 2"):
        with pytest.raises(P0Error, match="42601"):
            await analyse_lured(reading, sql)


async def test_a_statement_is_what_the_kernel_took_it_for(reading: Reading) -> None:
    for sql in ("delete from hr.employees", "truncate hr.employees", "begin", "create table x as select 1"):
        with pytest.raises(P0Error) as caught:
            await analyse_lured(reading, sql)
        assert caught.value.code in {"readings_disagree", "tree_not_understood"}


async def test_nothing_is_planned_or_run(reading: Reading) -> None:
    await reading.execute(
        "CREATE FUNCTION hr.bomb() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN RAISE EXCEPTION 'I ran'; END $$"
    )
    begun = time.monotonic()
    found = await analyse_lured(reading, "select hr.bomb(), pg_sleep(60), 1 / 0 from hr.employees where hr.bomb() = 1")
    assert time.monotonic() - begun < 20
    assert len(found.mentions) == 1


NAMES = [
    "} {RTEPERMISSIONINFO :relid 1 :inh true",
    ":requiredPerms 0",
    "\\",
    "a\nb",
    "<>",
    '"',
    "( b 8 )",
    "4 [ 1 2 3 4 ]",
    "é" * 31,
    "x" * 63,
]


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_never_taken_for_nodes(reading: Reading, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f"select salary as {quoted} from hr.employees as {quoted}"
    assert await reading.needs(sql) == ["SELECT (salary) on hr.employees"]


@pytest.mark.parametrize("character", ["}", "{", ")", "(", "\\", "\n", "\t"])
async def test_names_that_break_the_servers_lines_are_refused(reading: Reading, character: str) -> None:
    """Each is printed with a backslash, 126 bytes without a space: the line may break behind any of the backslashes."""
    outcomes = {
        await told(reading, f'select salary as "{character * length}" from hr.employees') for length in range(36, 64)
    }
    assert outcomes <= {"SELECT (salary) on hr.employees", "tree_not_understood"}
    assert await told(reading, f'select salary as "{character * 63}" from hr.employees') == "tree_not_understood"


async def told(reading: Reading, sql: str) -> str:
    try:
        return ", ".join(await reading.needs(sql))
    except P0Error as error:
        return error.code


async def test_a_long_name_that_is_cut_is_read(reading: Reading) -> None:
    await reading.execute(f"CREATE TABLE hr.{'n' * 63} (id integer)")
    assert await reading.needs(f"select id from hr.{'n' * 70}") == [f"SELECT (id) on hr.{'n' * 63}"]


async def test_a_path_on_which_others_may_create_is_refused(reading: Reading) -> None:
    await reading.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert (await refused(reading, GOOD)).code == "unsafe_search_path"
    assert await reading.needs(GOOD, search_path=("hr",)) == ["SELECT (name) on hr.employees"]


async def test_a_schema_that_the_kernel_does_not_know_shadows_another(reading: Reading) -> None:
    await reading.execute(
        "CREATE SCHEMA elsewhere; GRANT USAGE ON SCHEMA elsewhere TO PUBLIC;"
        "CREATE TABLE elsewhere.users (id integer, login text, name text)"
    )
    path = ("elsewhere", "public")
    assert await reading.needs("select login from users", search_path=path) == ["SELECT (login) on elsewhere.users"]
    assert len(reading.said) == 1
    with pytest.raises(P0Error) as caught:
        await reading.read("truncate users", search_path=path)
    assert caught.value.code == "readings_disagree"


async def test_policies_that_name_the_reader_are_refused(reading: Reading) -> None:
    await reading.execute("CREATE POLICY trap ON shop.private TO p0_reader USING (true)")
    assert (await refused(reading, "select note from shop.private")).code == "policy_for_reader"


async def test_a_locked_table_is_no_refusal_but_tried_again(reading: Reading) -> None:
    async with await reading.managed.superuser() as connection, connection.transaction():
        await connection.execute("LOCK TABLE hr.employees IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseBusyError):
            await reading.read(GOOD)
    assert await reading.needs(GOOD) == ["SELECT (name) on hr.employees"]


async def test_nothing_of_it_reaches_the_servers_log(reading: Reading) -> None:
    file = reading.managed.server.directory / "server.log"
    others = file.stat().st_size  # tests on the same server before this one
    await reading.needs("select name as the_name_in_question from hr.employees")
    await told(reading, "select id + name as the_name_in_question from hr.employees")
    log = file.read_bytes()[others:].decode(errors="replace")
    assert "parse tree" not in log
    assert "the_name_in_question" not in log
