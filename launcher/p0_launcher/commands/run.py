"""`p0 psql`: access to a database, then psql in place of this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from p0_access.errors import ReadingError
from p0_launcher.commands.common import in_order, note, profile, run, seconds
from p0_launcher.commands.sources import read_text
from p0_launcher.completion import databases, request_ids
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from p0_access.messages.records import What
    from p0_launcher.access import Access
    from p0_launcher.profile import Profile
    from p0_launcher.progress import Progress
    from p0_launcher.psql.handover import Source
    from p0_launcher.workflow import Intent

DEFAULT_PATIENCE = "10m"


def psql(
    ctx: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- PSQL ARGS", help="Output options for psql itself.")
    ] = None,
    *,
    database: Annotated[
        str | None, typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases)
    ] = None,
    command: Annotated[
        list[str] | None, typer.Option("-c", "--command", metavar="SQL", help="SQL to run. Repeatable.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="FILE", help="A file of SQL; - is the standard input. Repeatable."),
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask for a database role, for SQL of any kind.")
    ] = None,
    grant: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="Ask for permissions: 'SELECT on schema.table(column)'. Repeatable."),
    ] = None,
    search_path: Annotated[
        str | None, typer.Option(metavar="A,B", help="Schemas, by comma, that give the SQL's names meaning.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", envvar="P0_REASON", help="Why, for those who decide.")
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="For how long, such as 30m; the rules may give less.")] = None,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="End the access when psql ends; the default for SQL that writes.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the access until its time is up.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Don't wait for people to decide.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait for a decision.")] = DEFAULT_PATIENCE,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with an earlier request.", autocompletion=request_ids)
    ] = None,
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
    from p0_launcher.psql.handover import become, prepare

    if one_shot and keep:
        raise UsageError("--one-shot and --keep exclude each other", code="usage")
    sources = tuple(_sources(ctx, command, file))
    patience = 0 if no_wait else seconds(timeout, "--timeout") or 0
    passed_on = check_arguments(arguments or (), free_sql=not sources and resume is None)
    if resume is None:
        wanted: Intent | str = _intent(
            database or os.environ.get("P0_DATABASE"),
            sources,
            role=role,
            grant=grant,
            search_path=search_path,
            reason=reason or os.environ.get("P0_REASON") or "",
            ttl=seconds(ttl, "--ttl"),
            one_shot=True if one_shot else False if keep else None,
        )
    elif sources or role or grant:
        raise UsageError("--resume goes on with what was asked for; leave out -c, -f, --role, --grant", code="usage")
    else:
        wanted = resume
    settings = profile()
    program = find_psql(psql)
    teller = _Teller()
    try:
        access, what = run(_access(settings, wanted, patience, teller))
    except KeyboardInterrupt:
        teller.interrupted()
        raise
    if not sources:
        sources = tuple(_signed_sources(access, what))
    launch = prepare(access, psql=program, what=what, sources=sources, arguments=passed_on)
    if access.one_shot:
        from p0_launcher.psql.watcher import relinquish_after_exit

        relinquish_after_exit(settings, access.rid, not_after=access.not_after)
    sys.stdout.flush()
    sys.stderr.flush()
    become(launch)


def _sources(ctx: typer.Context, commands: list[str] | None, files: list[str] | None) -> Iterator[Source]:
    """-c and -f in the order given, each read once, and held against what psql would make of it."""
    from p0_access.permissions.guard import guard
    from p0_launcher.psql.handover import Source

    for name, value in in_order(ctx, command=commands, file=files):
        source = Source(text=read_text(value), file=True) if name == "file" else Source(text=value, file=False)
        try:
            guard(source.text)
        except ReadingError as error:
            if not source.file:
                raise
            raise ReadingError(
                f"{value}: {error}", code=error.code, hint=error.hint, line=error.line, column=error.column
            ) from error
        yield source


def _intent(
    database: str | None,
    sources: tuple[Source, ...],
    *,
    role: str | None,
    grant: list[str] | None,
    search_path: str | None,
    reason: str,
    ttl: int | None,
    one_shot: bool | None,
) -> Intent:
    import msgspec
    from msgspec import UNSET

    from p0_access.messages.records import What
    from p0_launcher.workflow import Intent

    if database is None:
        raise UsageError("which database?", code="usage", hint="-d NAME, or P0_DATABASE; p0 ls lists them")
    if (bool(sources), role is not None, bool(grant)).count(True) != 1:
        raise UsageError(
            "say what you want to do: SQL by -c or -f, or one of --role and --grant for free SQL",
            code="usage",
            hint="p0 psql -d NAME -c 'select …', or --grant 'SELECT on schema.table', for an interactive psql",
        )
    if search_path is not None and not sources:
        raise UsageError("--search-path goes with SQL", code="usage")
    if role is not None:
        what = What(role=role)
    elif grant:
        from p0_launcher.grants import parse_grants

        what = parse_grants(database, grant)
    else:
        path = UNSET if search_path is None else tuple(part.strip() for part in search_path.split(","))
        what = What(statement=tuple(source.text for source in sources), search_path=path)
    try:
        what = msgspec.convert(msgspec.to_builtins(what), What)
    except msgspec.ValidationError as error:
        raise UsageError(f"that cannot be asked for: {error}", code="usage") from error
    return Intent(
        database=database,
        what=what,
        reason=reason,
        ttl=ttl,
        one_shot=one_shot,
        files=tuple(source.file for source in sources),
    )


async def _access(settings: Profile, wanted: Intent | str, patience: int, teller: _Teller) -> tuple[Access, What]:
    """For an intent, or the id of an earlier request; with what was asked for."""
    from p0_launcher.connection import connect

    async with connect(settings) as connection:
        flow = connection.workflow
        if isinstance(wanted, str):
            access = await flow.resume(wanted, patience=patience, on_progress=teller)
            return access, await flow.asked(access)
        return await flow.obtain(wanted, patience=patience, on_progress=teller), wanted.what


def _signed_sources(access: Access, what: What) -> Iterator[Source]:
    from msgspec import UNSET

    from p0_launcher.psql.handover import Source

    for index, text in enumerate(() if what.statement is UNSET else what.statement):
        yield Source(text=text, file=index < len(access.files) and access.files[index])


class _Teller:
    """One line to stderr for each thing that a waiting person wants to know."""

    def __init__(self) -> None:
        self._waiting_for: str | None = None

    def __call__(self, progress: Progress) -> None:
        from p0_access.messages.views import State
        from p0_launcher.progress import Changed, Retrying, Reused, Submitted
        from p0_launcher.render import clock, state_of, waits_for

        if isinstance(progress, Submitted):
            self._waiting_for = progress.view.rid
        match progress:
            case Reused():
                note(f"p0: {progress.access.rid} is active until {clock(progress.access.not_after)}; using it again")
            case Submitted() if not progress.agent_online:
                note(
                    f"p0: {progress.view.rid} submitted; the agent of {progress.view.database} is away, waiting for it"
                )
            case Submitted() | Changed() if progress.view.state in {State.PENDING, State.ACTIVE}:
                note(f"p0: {progress.view.rid} is {state_of(progress.view)}")
                for who in waits_for(progress.view):
                    note(f"  waits for {who}")
            case Retrying():
                note(f"p0: {progress.error}; trying again")
            case _:
                pass

    def interrupted(self) -> None:
        if self._waiting_for is not None:
            note(f"\np0: the request lives on: p0 psql --resume {self._waiting_for}")
