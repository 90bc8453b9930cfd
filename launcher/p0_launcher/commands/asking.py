"""What `p0 psql`, `p0 exec` and `p0 request` share: the options that say what is asked for, the intent they make, and
the lines that a waiting person reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from p0_access.errors import ReadingError
from p0_launcher.commands.common import ask, in_order, interactive, note, run, seconds, show_sign_in
from p0_launcher.commands.sources import read_text
from p0_launcher.completion import databases, request_ids
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from p0_access.messages.records import What
    from p0_access.messages.views import RequestView
    from p0_launcher.access import Access
    from p0_launcher.intent import Intent
    from p0_launcher.profile import Profile
    from p0_launcher.progress import Progress
    from p0_launcher.psql.handover import Source
    from p0_launcher.workflow import Workflow

DEFAULT_PATIENCE: Final = "10m"

Database = Annotated[
    str | None, typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases)
]
Command = Annotated[list[str] | None, typer.Option("-c", "--command", metavar="SQL", help="SQL to run. Repeatable.")]
File = Annotated[
    list[str] | None,
    typer.Option("-f", "--file", metavar="FILE", help="A file of SQL; - is the standard input. Repeatable."),
]
Role = Annotated[str | None, typer.Option(metavar="NAME", help="Ask for a database role, for SQL of any kind.")]
Grant = Annotated[
    list[str] | None,
    typer.Option(metavar="SPEC", help="Ask for permissions: 'SELECT on schema.table(column)'. Repeatable."),
]
SearchPath = Annotated[
    str | None, typer.Option(metavar="A,B", help="Schemas, by comma, that give the SQL's names meaning.")
]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", envvar="P0_REASON", help="Why, for those who decide.")]
Ttl = Annotated[str | None, typer.Option(metavar="TIME", help="For how long, such as 30m; the rules may give less.")]
OneShot = Annotated[
    bool, typer.Option("--one-shot", help="End the access when the program ends; the default for SQL that writes.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the access until its time is up.")]
BreakGlass = Annotated[
    bool,
    typer.Option("--break-glass", help="An emergency: needs a reason, is told at once, and reviewed afterwards."),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait for people to decide.")]
Timeout = Annotated[str, typer.Option(metavar="TIME", help="How long to wait for a decision.")]
Resume = Annotated[
    str | None, typer.Option(metavar="ID", help="Go on with an earlier request.", autocompletion=request_ids)
]


def read_sources(ctx: typer.Context, commands: list[str] | None, files: list[str] | None) -> tuple[Source, ...]:
    """-c and -f in the order given, each read once, and held against what psql would make of it."""
    from p0_access.permissions.guard import guard
    from p0_launcher.psql.handover import Source

    found = []
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
        found.append(source)
    return tuple(found)


def wanted(
    *,
    database: str | None,
    sources: Sequence[Source],
    role: str | None,
    grant: list[str] | None,
    search_path: str | None,
    reason: str | None,
    ttl: str | None,
    one_shot: bool = False,
    keep: bool = False,
    resume: str | None = None,
    break_glass: bool = False,
) -> Intent | str:
    """What the options ask for, or the id of the earlier request that goes on; raises `UsageError` where the options
    don't fit together."""
    import msgspec

    from p0_access.messages.records import What
    from p0_launcher.intent import Intent

    if one_shot and keep:
        raise UsageError(
            "--one-shot and --keep exclude each other",
            code="usage",
            hint="Without either, SQL that writes is for one use",
        )
    if resume is not None:
        if sources or role or grant:
            raise UsageError(
                "--resume goes on with what was asked for; leave out -c, -f, --role, --grant",
                code="usage",
                hint="p0 psql --resume ID, alone",
            )
        return resume
    if break_glass and not (reason or "").strip():
        raise UsageError("an emergency needs a reason", code="reason_required", hint="--reason 'Orders are stuck'")
    database = database or os.environ.get("P0_DATABASE")
    if database is None:
        raise UsageError("which database?", code="usage", hint="-d NAME, or P0_DATABASE; p0 ls lists them")
    try:
        what = _what(database, sources, role=role, grant=grant, search_path=search_path)
        what = msgspec.convert(msgspec.to_builtins(what), What)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"that cannot be asked for: {error}",
            code="usage",
            hint="At most 64 statements of 64 KiB, and a role by its name",
        ) from error
    return Intent(
        database=database,
        what=what,
        reason=reason or os.environ.get("P0_REASON") or "",
        ttl=seconds(ttl, "--ttl"),
        one_shot=True if one_shot else False if keep else None,
        files=tuple(source.file for source in sources),
        break_glass=break_glass,
    )


def _what(
    database: str, sources: Sequence[Source], *, role: str | None, grant: list[str] | None, search_path: str | None
) -> What:
    from msgspec import UNSET

    from p0_access.messages.records import What

    if (bool(sources), role is not None, bool(grant)).count(True) != 1:
        raise UsageError(
            "say what you want to do: SQL by -c or -f, or one of --role and --grant for free SQL",
            code="usage",
            hint="p0 psql -d NAME -c 'select …', or --grant 'SELECT on schema.table', for an interactive psql",
        )
    if search_path is not None and not sources:
        raise UsageError("--search-path goes with SQL", code="usage", hint="Leave it out, or give SQL by -c or -f")
    if role is not None:
        return What(role=role)
    if grant:
        from p0_launcher.grants import parse_grants

        return parse_grants(database, grant)
    path = UNSET if search_path is None else tuple(part.strip() for part in search_path.split(","))
    return What(statement=tuple(source.text for source in sources), search_path=path)


def obtain(
    settings: Profile, wanted: Intent | str, patience: int, *, as_grant: bool = False, yes: bool = False
) -> tuple[Access, What]:
    """The access, waited for, and what was asked for. With `as_grant` SQL only says which permissions to ask for; `yes`
    takes the server's word for which those are."""

    async def main() -> tuple[Access, What]:
        from p0_launcher.connection import connect

        async with connect(settings, show_url=show_sign_in) as connection:
            flow = connection.workflow
            if isinstance(wanted, str):
                access = await flow.resume(wanted, patience=patience, on_progress=teller)
                return access, await flow.asked(access)
            intent = await by_name(flow, wanted, yes=yes) if as_grant else wanted
            return await flow.obtain(intent, patience=patience, on_progress=teller), intent.what

    teller = Teller()
    try:
        return run(main())
    except KeyboardInterrupt:
        teller.interrupted()
        raise


async def by_name(flow: Workflow, wanted: Intent, *, yes: bool) -> Intent:
    """The same for the permissions that its SQL needs, which its person sees before they are signed, and says yes to
    where they are only the server's word."""
    import msgspec

    from p0_launcher.render import what_lines

    needs = await flow.needs(wanted)
    if needs.what == wanted.what:
        return wanted
    reading = "by the server's reading of its SQL" if needs.by_server else "by its SQL"
    note("\n".join([f"p0: {reading} this asks for", *what_lines(needs.what)[1:]]))
    if needs.by_server and not yes:
        _believed(wanted.database)
    return msgspec.structs.replace(wanted, what=needs.what, files=())


def _believed(database: str) -> None:
    """Raises `UsageError` unless the person says yes: without the agent's catalog a server may name what it likes."""
    only = f"there is no catalog of {database} signed by its agent, so these permissions are only the server's word"
    if not interactive():
        hint = "Name them yourself with --grant, or take them as they are with --yes"
        raise UsageError(only, code="server_reading", hint=hint)
    if ask(f"p0: {only}.\nType y to sign:") not in {"y", "yes"}:
        raise UsageError("nothing was signed", code="server_reading", hint="Name the permissions with --grant")


def signed_sources(access: Access, what: What) -> Iterator[Source]:
    """The SQL of an earlier request, as it was given."""
    from msgspec import UNSET

    from p0_launcher.psql.handover import Source

    for index, text in enumerate(() if what.statement is UNSET else what.statement):
        yield Source(text=text, file=index < len(access.files) and access.files[index])


class Teller:
    """One line to stderr for each thing that a waiting person wants to know. When people have decided, it rings."""

    def __init__(self) -> None:
        self._waiting_for: str | None = None
        self._pending = False

    def __call__(self, progress: Progress) -> None:
        from p0_access.messages.views import State
        from p0_launcher.progress import Changed, Retrying, Reused, Submitted
        from p0_launcher.render import clock, state_of, waits_for

        if isinstance(progress, Submitted):
            self._waiting_for = progress.view.rid
        if isinstance(progress, Submitted | Changed):
            self._ring(progress.view)
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

    def _ring(self, view: RequestView) -> None:
        """For whoever looked elsewhere while people decided; once."""
        from p0_access.messages.views import State
        from p0_launcher.attention import call

        pending = view.state is State.PENDING
        if self._pending and not pending:
            call(f"p0: {view.rid} is {view.state.value.replace('_', ' ')}")
        self._pending = pending

    def interrupted(self) -> None:
        if self._waiting_for is not None:
            note(f"\np0: the request lives on: p0 psql --resume {self._waiting_for}")
