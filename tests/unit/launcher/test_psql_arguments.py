"""Arguments for psql: output options pass, whatever could change where it connects or what it runs does not."""

from __future__ import annotations

import pytest

from p0_launcher.errors import UsageError
from p0_launcher.psql.arguments import check_arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["-A", "-t"],
        ["-AtF,"],
        ["-AtF", ","],
        ["--csv", "--no-align", "--tuples-only"],
        ["-P", "border=2", "--pset=null=x", "-o", "out.txt", "-R;"],
        ["--field-separator", "-x"],
        ["-1", "-X", "-q"],
        ["-v", "ON_ERROR_STOP=1", "--set=ON_ERROR_STOP=on"],
        [],
    ],
)
@pytest.mark.parametrize("free_sql", [True, False])
def test_output_options_pass(arguments: list[str], *, free_sql: bool) -> None:
    assert check_arguments(arguments, free_sql=free_sql) == tuple(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "select 1"],
        ["-cselect 1"],
        ["-Atc", "select 1"],
        ["--command=select 1"],
        ["--comm", "select 1"],
        ["-f", "x.sql"],
        ["--file=x.sql"],
        ["-d", "other"],
        ["-qdother"],
        ["--dbname=postgresql://evil"],
        ["-h", "evil"],
        ["--host", "evil"],
        ["-p", "1"],
        ["-U", "postgres"],
        ["--user", "x"],
        ["-W"],
        ["-l"],
        ["--list"],
        ["-V"],
        ["-?"],
        ["--help"],
        ["--csv=1"],
        ["postgresql://evil/db"],
        ["-A", "other"],
        ["-"],
        ["--", "other"],
        ["-F"],
        ["--pset"],
        ["-é"],
    ],
)
@pytest.mark.parametrize("free_sql", [True, False])
def test_everything_else_is_refused(arguments: list[str], *, free_sql: bool) -> None:
    with pytest.raises(UsageError) as caught:
        check_arguments(arguments, free_sql=free_sql)
    assert (caught.value.code, caught.value.exit_code) == ("psql_argument", 64)


@pytest.mark.parametrize(
    "arguments",
    [["-v", "a=1"], ["-va=1"], ["--set=a=1"], ["--variable", "a=1"], ["-Av", "a=1"], ["-v", "ON_ERROR_STOP=0"]],
)
def test_variables_go_with_free_sql_only(arguments: list[str]) -> None:
    assert check_arguments(arguments, free_sql=True) == tuple(arguments)
    with pytest.raises(UsageError) as caught:
        check_arguments(arguments, free_sql=False)
    assert "Variables would change" in (caught.value.hint or "")
