"""`p0 psql` and `p0 exec`: access to a database, then psql, or another program, in place of this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from p0_launcher.commands.asking import (
    DEFAULT_PATIENCE,
    BreakGlass,
    Command,
    Database,
    File,
    Grant,
    Keep,
    NoWait,
    OneShot,
    Reason,
    Resume,
    Role,
    SearchPath,
    Timeout,
    Ttl,
    obtain,
    read_sources,
    signed_sources,
    wanted,
)
from p0_launcher.commands.common import profile, seconds
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from p0_launcher.access import Access
    from p0_launcher.profile import Profile
    from p0_launcher.psql.handover import Launch


def psql(
    ctx: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- PSQL ARGS", help="Output options for psql itself.")
    ] = None,
    *,
    database: Database = None,
    command: Command = None,
    file: File = None,
    role: Role = None,
    grant: Grant = None,
    search_path: SearchPath = None,
    reason: Reason = None,
    ttl: Ttl = None,
    one_shot: OneShot = False,
    keep: Keep = False,
    break_glass: BreakGlass = False,
    no_wait: NoWait = False,
    timeout: Timeout = DEFAULT_PATIENCE,
    resume: Resume = None,
    psql: Annotated[str | None, typer.Option(metavar="PATH", help="Which psql to run.")] = None,
) -> None:
    """Get access for SQL, wait for the decision, and become psql.

    What is signed is what runs: -f is read once, and with SQL given psql reads no psqlrc. An access that is still
    active is used again for the same SQL on the same database. With --role or --grant and no SQL, psql is interactive.

    Example:

        p0 psql -d mydatabase -c "select * from enterprise.markets" --reason "Generating reports" -- --csv
    """
    from p0_launcher.psql.arguments import check_arguments
    from p0_launcher.psql.find import find_psql
    from p0_launcher.psql.handover import prepare

    sources = read_sources(ctx, command, file)
    passed_on = check_arguments(arguments or (), free_sql=not sources and resume is None)
    asked = wanted(
        database=database, sources=sources, role=role, grant=grant, search_path=search_path, reason=reason, ttl=ttl,
        one_shot=one_shot, keep=keep, resume=resume, break_glass=break_glass,
    )  # fmt: skip
    patience = 0 if no_wait else seconds(timeout, "--timeout") or 0
    settings = profile()
    program = find_psql(psql)
    access, what = obtain(settings, asked, patience)
    shown = sources or tuple(signed_sources(access, what))
    _become(prepare(access, psql=program, what=what, sources=shown, arguments=passed_on), access, settings)


def exec_(
    ctx: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND …", help="The program, and its arguments.")
    ] = None,
    *,
    database: Database = None,
    command: Command = None,
    file: File = None,
    role: Role = None,
    grant: Grant = None,
    search_path: SearchPath = None,
    reason: Reason = None,
    ttl: Ttl = None,
    one_shot: OneShot = False,
    keep: Keep = False,
    break_glass: BreakGlass = False,
    no_wait: NoWait = False,
    timeout: Timeout = DEFAULT_PATIENCE,
    resume: Resume = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take the server's word for what the SQL needs, without the agent's catalog.")
    ] = False,
) -> None:
    """Get access, wait for the decision, and become any program.

    It is one that reads libpq's environment: pg_dump, pgcli, a script. What it will run is not known, so what is asked
    for is permissions, for any statement over them: by --role, by --grant, or those that the SQL of -c and -f needs.

    Example:

        p0 exec -d mydatabase --grant "SELECT on enterprise.markets" --reason "Month's end" -- python report.py
    """
    from p0_launcher.psql.find import find_program
    from p0_launcher.psql.handover import prepare_program

    if not arguments:
        raise UsageError("which program?", code="usage", hint="p0 exec -d NAME --grant … -- pg_dump …")
    asked = wanted(
        database=database, sources=read_sources(ctx, command, file), role=role, grant=grant, search_path=search_path,
        reason=reason, ttl=ttl, one_shot=one_shot, keep=keep, resume=resume, break_glass=break_glass,
    )  # fmt: skip
    patience = 0 if no_wait else seconds(timeout, "--timeout") or 0
    settings = profile()
    program = find_program(arguments[0])
    access, what = obtain(settings, asked, patience, as_grant=True, yes=yes)
    _become(prepare_program(access, program=program, what=what, arguments=arguments[1:]), access, settings)


def _become(launch: Launch, access: Access, settings: Profile) -> NoReturn:
    from p0_launcher.psql.handover import become

    if access.one_shot:
        from p0_launcher.psql.watcher import relinquish_after_exit

        relinquish_after_exit(settings, access.rid, not_after=access.not_after)
    sys.stdout.flush()
    sys.stderr.flush()
    become(launch)
