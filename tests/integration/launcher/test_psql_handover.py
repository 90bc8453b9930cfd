"""psql, the real one, on a real PostgreSQL: it gets in, and its password is nowhere to be seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql

from fix_postgres import superuser_connection
from p0_access.messages.records import What
from p0_access.secret import Secret
from p0_demo.postgres import EmbeddedPostgres
from p0_launcher.access import Access
from p0_launcher.errors import ConfigurationError
from p0_launcher.psql.find import find_psql
from p0_launcher.psql.handover import Launch, Source, prepare

PASSWORD = "it:has\\every trap"
STATEMENT = What(statement=("select 1",))


@pytest.fixture
async def access(postgres: EmbeddedPostgres, demo_database: str) -> AsyncIterator[Access]:
    """A real login."""
    user = f"dana_{demo_database}"
    async with await superuser_connection(postgres) as connection:
        await connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(PASSWORD))
        )
    yield Access(
        rid="r-aaaaaaaa",
        rh="r" * 43,
        agent="a" * 43,
        database=demo_database,
        one_shot=False,
        files=(),
        host=postgres.host,
        port=postgres.port,
        user=user,
        password=Secret(PASSWORD),
        sslmode="disable",
        channel_binding="disable",
        sslrootcert=None,
        not_after=2_000_000_000,
    )
    async with await superuser_connection(postgres) as connection:
        await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


@pytest.fixture(params=["embedded", "system"])
def psql(request: pytest.FixtureRequest, postgres: EmbeddedPostgres) -> Path:
    """Both the demo's psql and, where there is one, the machine's own (on Debian a wrapper in Perl)."""
    if request.param == "embedded":
        return postgres.psql
    try:
        return find_psql("psql")
    except ConfigurationError:
        pytest.skip("there is no psql on this machine")


@contextmanager
def running(launch: Launch) -> Iterator[subprocess.Popen[str]]:
    """psql as the TUI starts it: another process that inherits the descriptors."""
    with subprocess.Popen(
        launch.arguments,
        env=launch.environment,
        pass_fds=launch.descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        launch.close()
        yield process


def run(launch: Launch) -> tuple[int, str, str]:
    with running(launch) as process:
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


def text(*statements: str) -> list[Source]:
    return [Source(text=statement, file=False) for statement in statements]


def test_it_runs_what_was_signed_in_order(access: Access, psql: Path) -> None:
    sources = [
        *text("select 'one'"),
        Source(text="select 'two';\nselect 'three';\n", file=True),
        *text("select 'four'"),
    ]
    launch = prepare(access, psql=psql, what=STATEMENT, sources=sources, arguments=["-A", "-t"])
    assert run(launch) == (0, "one\ntwo\nthree\nfour\n", "")


def test_the_connection_is_the_accesss_own(access: Access, psql: Path) -> None:
    """Whatever the caller's environment says."""
    hostile = {
        "PGHOST": "evil.example",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "PGPASSWORD": "wrong",
        "PGSERVICE": "evil",
        "PGOPTIONS": "-c search_path=evil -c role=postgres",
        "PGSSLMODE": "require",
        "PGTZ": "Asia/Tokyo",
        "PGCLIENTENCODING": "LATIN1",
        "PGDATESTYLE": "German",
    }
    what = What(statement=("select 1",), search_path=("enterprise", 'Odd "name\\ here'), settings={"work_mem": "5MB"})
    query = (
        "select current_user, current_database(), current_setting('search_path'), current_setting('work_mem'),"
        " current_setting('application_name'), current_setting('client_encoding')"
    )
    launch = prepare(
        access,
        psql=psql,
        what=what,
        sources=text(query),
        arguments=["-A", "-t"],
        environ=dict(os.environ) | hostile,
    )
    path = '"enterprise", "Odd ""name\\ here"'
    expected = f"{access.user}|{access.database}|{path}|5MB|p0/r-aaaaaaaa|UTF8\n"
    assert run(launch) == (0, expected, "")


def test_names_mean_what_they_meant_to_their_readers(access: Access, psql: Path) -> None:
    launch = prepare(access, psql=psql, what=STATEMENT, sources=text("show search_path"), arguments=["-A", "-t"])
    assert run(launch) == (0, '"public"\n', "")


def test_with_signed_sql_psql_reads_no_psqlrc(access: Access, psql: Path, tmp_path: Path) -> None:
    psqlrc = tmp_path / "psqlrc"
    psqlrc.write_text("\\echo from psqlrc\n")
    environ = dict(os.environ) | {"PSQLRC": str(psqlrc)}
    signed = prepare(
        access, psql=psql, what=STATEMENT, sources=text("select 1"), arguments=["-A", "-t"], environ=environ
    )
    assert run(signed)[1] == "1\n"
    with running(prepare(access, psql=psql, what=None, environ=environ)) as free:
        out, _ = free.communicate("select 'free';\n", timeout=30)
    assert "from psqlrc" in out
    assert "free" in out


def test_the_password_is_in_no_argument_no_environment_and_no_file(
    access: Access, psql: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    launch = prepare(access, psql=psql, what=None, arguments=["-A", "-t", "-X"])
    assert PASSWORD not in repr(launch)
    secret = PASSWORD.encode()
    with running(launch) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("select 'in';\n\\c\nselect 'again';\n")
        process.stdin.flush()
        assert process.stdout.readline() == "in\n"
        assert "You are now connected" in process.stdout.readline()
        assert process.stdout.readline() == "again\n"
        place = Path("/proc") / str(process.pid)
        for name in ("cmdline", "environ"):
            content = (place / name).read_bytes()
            assert content
            assert secret not in content
        on_disk = [
            target
            for target in (str(entry.readlink()) for entry in (place / "fd").iterdir())
            if target.startswith("/") and not target.startswith(("/dev/", "/memfd:"))
        ]
        assert all(secret not in Path(target).read_bytes() for target in on_disk if Path(target).is_file())
        process.stdin.close()
        process.wait(30)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()] == []


async def test_a_wrong_password_is_psqls_own_error(access: Access, psql: Path) -> None:
    wrong = msgspec.structs.replace(access, password=Secret("guess"))
    launch = prepare(wrong, psql=psql, what=STATEMENT, sources=text("select 1"))
    status, out, err = run(launch)
    assert (status, out) == (2, "")
    assert "password authentication failed" in err
    assert "guess" not in err
    with pytest.raises(psycopg.OperationalError):
        await psycopg.AsyncConnection.connect(
            host=access.host, port=access.port, user=access.user, password="guess", dbname=access.database
        )


BECOME = """
import sys
from p0_access.secret import Secret
from p0_launcher.access import Access
from p0_launcher.psql.handover import Source, become, prepare
from pathlib import Path
from p0_access.messages.records import What
import msgspec
fields = msgspec.json.decode(sys.stdin.readline())
access = Access(**(fields | {"password": Secret(fields["password"]), "files": ()}))
sources = [Source(text="select generate_series(1, 100000)", file=False)]
become(prepare(access, psql=Path(sys.argv[1]), what=What(statement=("x",)), sources=sources))
"""


def test_becoming_psql_leaves_nothing_of_python_behind(access: Access, psql: Path) -> None:
    """The same process, its signals as a shell would give them: cut off by `head`, psql ends quietly."""
    fields = msgspec.to_builtins(
        {name: getattr(access, name) for name in Access.__struct_fields__ if name != "password"}
    )
    line = msgspec.json.encode(fields | {"password": PASSWORD}).decode() + "\n"
    with subprocess.Popen(
        [sys.executable, "-c", BECOME, str(psql)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().strip() == "generate_series"
        assert b"psql" in (Path("/proc") / str(process.pid) / "cmdline").read_bytes()
        process.stdout.close()
        assert process.wait(30) == -signal.SIGPIPE
        assert process.stderr.read() == ""


def test_a_psql_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_psql("/nowhere/psql")
    assert (caught.value.code, caught.value.exit_code) == ("psql_missing", 78)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_psql().parts[-3:] == ("pginstall", "bin", "psql")
    monkeypatch.setattr("p0_launcher.psql.find._embedded", lambda: None)
    with pytest.raises(ConfigurationError, match="there is no psql on this machine"):
        find_psql()
