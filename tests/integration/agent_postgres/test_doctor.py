"""`p0 agent doctor` on a real PostgreSQL: it finds what is open and what is missing, and its SQL mends it."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomlkit

from fix_agent_core import Bench
from fix_postgres import BOTH_MODES, PASSWORDS, Managed, Mode
from p0_access.findings import Finding
from p0_access.permissions.permission import Kind
from p0_access.permissions.reading import Refused
from p0_agent.config import Ceiling, Settings, load
from p0_agent.doctor import examine
from p0_agent.postgres.hardening import ACL_ENTRIES
from p0_agent.reading.child import ReadingChild, Understood

RULES = """
version: 1
defaults: {max_ttl: 1h, require_reason: false}
rules:
  - name: reads
    requestor: {groups: [analysts]}
    resource: {databases: ["*"]}
    approval: {auto: true}
"""

ALWAYS = ("any login may make large objects", "any login may make objects in the schema public")
"""What every database leaves open; the second only before PostgreSQL 15."""

PRIVATE = """
REVOKE GRANT OPTION FOR TEMPORARY ON DATABASE {database} FROM p0_broker;
REVOKE TEMPORARY ON DATABASE {database} FROM p0_reader;
CREATE FUNCTION enterprise.late() RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION enterprise.boss() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1;
REVOKE EXECUTE ON FUNCTION enterprise.late, enterprise.boss FROM PUBLIC;
CREATE DOMAIN enterprise.late AS text;
REVOKE USAGE ON DOMAIN enterprise.late FROM PUBLIC;
SELECT lo_create(4711), lo_create(4712)
"""
OF_PRIVATE = {
    "the agent cannot grant TEMPORARY on this database",
    "SQL that makes temporary tables and uses them cannot be read: the reader may not make them",
    "the agent cannot grant EXECUTE on enterprise.late()",
    (
        "the agent cannot grant EXECUTE on enterprise.boss(), which runs with the privileges of postgres"
        " (SECURITY DEFINER): let it only if a rule is to name that"
    ),
    "the agent cannot grant USAGE on the type enterprise.late",
    "the agent cannot grant SELECT, UPDATE on 2 large objects, such as 4711",
}

OPEN_SERVER = """
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
GRANT USAGE ON FOREIGN SERVER s TO PUBLIC
"""


@pytest.fixture
def config(managed: Managed, mode: Mode, tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    for name, password in zip(("agent.password", "reader.password"), PASSWORDS, strict=True):
        (tmp_path / name).write_text(password.reveal())
    settings = {
        "server": "http://127.0.0.1:1",
        "rules": "rules.yaml",
        "issuers": [{"issuer": "https://id.example", "client_ids": ["p0"]}],
        "cluster": {
            "host": managed.server.host,
            "port": managed.server.port,
            "home": managed.database,
            "password_file": "agent.password",
            "reader_password_file": "reader.password",
            "mode": mode,
            "broker_on_old_versions": True,
            "sslmode": "disable",
        },
        "advertised": {"host": managed.server.host, "port": managed.server.port, "sslmode": "disable"},
        "databases": [{"name": managed.database, "schemas": ["enterprise", "ledger"]}],
        "ceiling": {"kinds": [kind.value for kind in (*Ceiling().kinds, Kind.LARGE_OBJECT)]},
    }
    path = tmp_path / "agent.toml"
    path.write_text(tomlkit.dumps(settings))
    return path


@pytest.fixture
def settings(config: Path) -> Settings:
    return load(config)


async def test_readings_that_differed_are_counted(
    settings: Settings, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is made to say that it cannot tell; PostgreSQL's reading stands in."""
    understand = ReadingChild.understand

    async def lost(child: ReadingChild, *asked: Any) -> tuple[Understood, ...]:
        found = await understand(child, *asked)
        return tuple(Understood(reading=_refused(each.reading.text), piece=each.piece) for each in found)

    async def told() -> list[Finding]:
        found = await examine(settings, clock=time.time, random=secrets.token_bytes)
        return [each for each in found if each.place == "readings"]

    dana = bench.person("dana", "analysts")
    first, _ = bench.ask(dana, "select name from enterprise.markets")
    await bench.admit(first)
    (before,) = await told()
    assert (before.level, before.what) == ("fact", "p0 and PostgreSQL read SQL alike in all 1 recent admissions")
    monkeypatch.setattr(ReadingChild, "understand", lost)
    second, _ = bench.ask(dana, "select region from enterprise.markets")
    await bench.admit(second)
    (after,) = await told()
    assert after.level == "gap"
    for request in (first, second):
        await bench.end(request, dana)
    assert after.what.startswith("p0 and PostgreSQL read SQL differently in 1 of 2 recent admissions")


def _refused(text: str) -> Refused:
    return Refused(index=0, text=text, code="unknown_table", message="lost", hint=None, line=1, column=1)


async def of_database(settings: Settings, managed: Managed) -> dict[str, str | None]:
    """What is found in the managed database, without what every database leaves open."""
    place = f"database {managed.database}"
    return {
        found.what: found.fix
        for found in await examine(settings, clock=time.time, random=secrets.token_bytes)
        if found.place == place and found.what not in ALWAYS
    }


@BOTH_MODES
@pytest.mark.parametrize(
    ("harm", "what"),
    [
        ("GRANT CREATE ON SCHEMA enterprise TO PUBLIC", "any login may make objects in the schema enterprise"),
        ("GRANT SELECT, INSERT ON ledger.entries TO PUBLIC", "any login may use INSERT, SELECT on ledger.entries"),
        (
            "CREATE FUNCTION enterprise.boss() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1",
            "any login may execute enterprise.boss with the privileges of postgres (SECURITY DEFINER)",
        ),
        (
            "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
            "any login may use the large object 4711",
        ),
        (
            OPEN_SERVER,
            "any login may use the foreign server s",
        ),
        (
            "REVOKE GRANT OPTION FOR UPDATE, DELETE ON ledger.entries FROM p0_broker",
            "the agent cannot grant DELETE, UPDATE on ledger.entries",
        ),
        ("ALTER SCHEMA ledger RENAME TO away", "there is no schema ledger"),
        (
            "REVOKE GRANT OPTION FOR USAGE ON SCHEMA ledger FROM p0_broker",
            "the agent cannot grant USAGE on schema ledger",
        ),
        (
            "CREATE TABLE enterprise.late (id int); GRANT ALL ON enterprise.late TO p0_broker WITH GRANT OPTION",
            "what postgres makes in enterprise will not be the agent's to grant",
        ),
    ],
)
async def test_what_is_found_is_mended_by_the_sql_beside_it(
    harm: str, what: str, settings: Settings, managed: Managed
) -> None:
    assert await of_database(settings, managed) == {}
    async with await managed.superuser() as superuser:
        await superuser.execute(harm.encode())
        found = await of_database(settings, managed)
        assert what in found
        for fix in filter(None, found.values()):
            await superuser.execute(fix.encode())
    left = await of_database(settings, managed)
    assert what not in left


@BOTH_MODES
async def test_what_is_no_relation_and_cannot_be_granted(settings: Settings, managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute(PRIVATE.format(database=managed.database).encode())
        found = await of_database(settings, managed)
        assert set(found) == OF_PRIVATE
        for fix in filter(None, found.values()):
            await superuser.execute(fix.encode())
    assert await of_database(settings, managed) == {}


async def test_the_cluster_and_the_temporary_tables_in_it(settings: Settings, managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute(f"GRANT TEMPORARY, CONNECT ON DATABASE {managed.database} TO PUBLIC".encode())
    found = {found.what: found for found in await examine(settings, clock=time.time, random=secrets.token_bytes)}
    for what in (
        f"any login may make temporary tables in the database {managed.database}",
        f"any login may connect to the database {managed.database}",
        "any login may connect to the database postgres",
        "the server takes no TLS connections: ssl is off",
        "logins may prepare transactions that outlive their sessions",
    ):
        assert (found[what].level, found[what].place) == ("gap", "cluster")
        assert found[what].fix is not None


async def test_rules_by_which_logins_come_in_are_read_where_that_is_allowed(
    settings: Settings, managed: Managed
) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute("GRANT SELECT ON pg_hba_file_rules TO p0_broker")
        await superuser.execute("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO p0_broker")
    file = managed.server.directory / "data" / "pg_hba.conf"
    before = file.read_text()
    file.write_text(before + "host all somebody 192.0.2.1/32 md5\n")
    try:
        found = {found.what for found in await examine(settings, clock=time.time, random=secrets.token_bytes)}
    finally:
        file.write_text(before)
    line = len(before.splitlines()) + 1
    assert f"pg_hba.conf line {line}: host connections are let in by md5" in found


async def test_an_access_list_that_fills_up(settings: Settings, managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute("SET allow_system_table_mods = on")
        await superuser.execute(
            "UPDATE pg_class SET relacl = array_fill(relacl[1], ARRAY[%s]) WHERE oid = 'ledger.entries'::regclass",
            (ACL_ENTRIES,),
        )
    (what,) = [what for what in await of_database(settings, managed) if what.startswith("the access list")]
    assert what.startswith(f"the access list of ledger.entries has {ACL_ENTRIES} entries")


async def test_an_unfit_account_is_an_error_and_the_rest_is_still_examined(
    settings: Settings, managed: Managed
) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute("ALTER ROLE p0_agent CREATEDB")
        try:
            found = await examine(settings, clock=time.time, random=secrets.token_bytes)
        finally:
            await superuser.execute("ALTER ROLE p0_agent NOCREATEDB")
    (error,) = [told for told in found if told.level == "error"]
    assert "allowed to create databases" in error.what
    assert any(told.place == f"database {managed.database}" for told in found)


@BOTH_MODES
async def test_which_mode_it_is_and_what_its_set_up_lacks(settings: Settings, managed: Managed, mode: Mode) -> None:
    acts = "whoever has the agent's login can make roles and grant all that is managed: it acts as p0_broker"
    lacks = "whether a login changed its own password cannot be seen: there is no function p0.verifier_is"
    found = {told.what: told for told in await examine(settings, clock=time.time, random=secrets.token_bytes)}
    assert (acts in found) is (mode == "broker")
    assert lacks not in found
    async with await managed.superuser() as superuser:
        await superuser.execute("DROP FUNCTION p0.verifier_is(text, bytea)")
        await superuser.execute("ALTER ROLE p0_reader RESET log_min_messages")
    found = {told.what: told for told in await examine(settings, clock=time.time, random=secrets.token_bytes)}
    assert found[lacks].level == "gap"
    assert (
        found["other people's SQL may reach the server's log: log_min_messages of p0_reader is not panic"].fix
        == "ALTER ROLE p0_reader SET log_min_messages = panic;"
    )


async def test_who_else_is_a_member_of_the_agents_roles(settings: Settings, managed: Managed) -> None:
    async def members() -> dict[str, str]:
        found = await examine(settings, clock=time.time, random=secrets.token_bytes)
        return {told.what: told.fix or "" for told in found if " is a member of " in told.what}

    assert await members() == {}
    async with await managed.superuser() as superuser:
        await superuser.execute("CREATE ROLE mallory; CREATE ROLE oscar")
        try:
            await superuser.execute("GRANT p0_broker, p0_broker_07, p0_broker_08 TO mallory; GRANT p0_agent TO oscar")
            found = await members()
            told = ("mallory is a member of p0_broker, p0_broker_07 and 1 more", "oscar is a member of p0_agent")
            assert [what.partition(", and can")[0] for what in found] == list(told)
            for fix in found.values():
                await superuser.execute(fix.encode())
            assert await members() == {}
        finally:
            await superuser.execute("DROP ROLE mallory; DROP ROLE oscar")


def printed(config: Path, *options: str) -> str:
    command = [sys.executable, "-m", "p0_launcher", "agent", "bootstrap-sql", "--config", str(config), *options]
    command += ["--server-version", "18"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_set_up_is_printed_for_the_mode_that_is_asked_for(config: Path) -> None:
    text = config.read_text()
    assert "FUNCTION p0_guard." not in printed(config)
    assert "CREATE OR REPLACE FUNCTION p0_guard.open(" in printed(config, "--hardened")
    text = text.replace('mode = "broker"', 'mode = "hardened"')
    config.write_text(text.replace("[ceiling]\n", "[ceiling]\nmax_ttl = 1234\n"))
    assert "VALUES (1234, 1000, 5," in printed(config)
    undo = printed(config, "--undo")
    assert "DROP ROLE IF EXISTS" in undo
    assert "CREATE" not in undo
    assert not any(password.reveal() in undo for password in PASSWORDS)


async def test_before_postgresql_16_the_broker_must_be_asked_for(settings: Settings, managed: Managed) -> None:
    cluster = msgspec.structs.replace(settings.cluster, broker_on_old_versions=False)
    settings = msgspec.structs.replace(settings, cluster=cluster)
    found = await examine(settings, clock=time.time, random=secrets.token_bytes)
    errors = [told for told in found if told.level == "error"]
    async with await managed.superuser() as superuser:
        old = superuser.info.server_version < 160000
    assert [("operating system" in told.what, "hardened" in (told.fix or "")) for told in errors] == [
        (True, True)
    ] * old


def doctor(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "p0_launcher", "agent", "doctor", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_as_a_command(config: Path) -> None:
    told = doctor(config)
    assert (told.returncode, told.stderr) == (1, "")
    assert "gap   server: http://127.0.0.1:1 does not answer as a p0 server\n" in told.stdout
    assert told.stdout.startswith("fact  rules: SHA-256 ")
    assert PASSWORDS[0].reveal() not in told.stdout
    findings = msgspec.json.decode(doctor(config, "--json").stdout, type=list[Finding])
    assert {found.level for found in findings} == {"fact", "gap"}

    (config.parent / "rules.yaml").write_text("version: 2")
    told = doctor(config)
    assert (told.returncode, told.stderr) == (78, "")
    assert told.stdout.startswith("error rules: ")
    (config.parent / "agent.password").write_text("wrong")
    assert "error cluster: the database does not answer" in doctor(config).stdout
    (config.parent / "agent.password").unlink()
    assert "error cluster: cannot read" in doctor(config).stdout
    assert doctor(config.with_name("none.toml")).returncode == 78
