"""`p0 request`: a request without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from p0_launcher.commands.asking import (
    BreakGlass,
    Command,
    Database,
    File,
    Grant,
    Keep,
    OneShot,
    Reason,
    Role,
    SearchPath,
    Ttl,
    read_sources,
    wanted,
)
from p0_launcher.commands.common import Json, note, out, out_json, profile, run, show_sign_in

if TYPE_CHECKING:
    from p0_access.messages.views import RequestView
    from p0_launcher.errors import LauncherError


def request(
    ctx: typer.Context,
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
    json: Json = False,
) -> None:
    """Ask for access and print the request's id, running nothing.

    Nobody is waited for. p0 psql --resume ID goes on with it, on the machine that asked.

    Example: p0 request -d mydatabase -c "select email from enterprise.customers" --reason "INC-4411"
    """
    from p0_launcher.intent import Intent
    from p0_launcher.render import state_of, waits_for

    asked = wanted(
        database=database, sources=read_sources(ctx, command, file), role=role, grant=grant, search_path=search_path,
        reason=reason, ttl=ttl, one_shot=one_shot, keep=keep, break_glass=break_glass,
    )  # fmt: skip

    async def main(intent: Intent) -> tuple[RequestView, LauncherError | None]:
        from p0_launcher.connection import connect

        async with connect(profile(), show_url=show_sign_in) as connection:
            view = await connection.workflow.submit(intent)
            return view, await connection.workflow.why_not(view) if view.state.final else None

    assert isinstance(asked, Intent)  # nothing was resumed
    view, problem = run(main(asked))
    if json:
        out_json(view)
    else:
        out(view.rid)
    if problem is not None:
        raise problem
    note(f"p0: {view.rid} is {state_of(view)}")
    for who in waits_for(view):
        note(f"  waits for {who}")
