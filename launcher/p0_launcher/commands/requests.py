"""`p0 requests`, `p0 show`, `p0 relinquish`, `p0 revoke`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from p0_launcher.commands.common import Json, note, out, out_json, profile, run
from p0_launcher.completion import request_ids
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from p0_access.messages.views import RequestView
    from p0_launcher.api import View
    from p0_launcher.connection import Connection
    from p0_launcher.ending import Ending

Id = Annotated[str, typer.Argument(metavar="ID", help="A request's id.", autocompletion=request_ids)]
Comment = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
ToFile = Annotated[
    Path | None, typer.Option("--to-file", metavar="FILE", help="Only sign, into a file for `p0 agent submit`.")
]


def requests(
    *,
    mine: Annotated[bool, typer.Option("--mine", help="Those you made (the default).")] = False,
    to_review: Annotated[bool, typer.Option("--to-review", help="Those that wait for your word or review.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Those you made or may review.")] = False,
    limit: Annotated[int, typer.Option(metavar="COUNT", help="At most so many.", min=1, max=500)] = 100,
    json: Json = False,
) -> None:
    """List requests, newest first.

    Example: p0 requests --to-review
    """
    if (mine, to_review, everything).count(True) > 1:
        raise UsageError(
            "--mine, --to-review and --all exclude each other",
            code="usage",
            hint="One at a time; without any, your own",
        )
    view: View = "to-review" if to_review else "all" if everything else "mine"

    async def main() -> None:
        from p0_launcher.connection import connect
        from p0_launcher.render import requests_table

        async with connect(profile()) as connection:
            found = await connection.api.requests(view, limit=limit)
        if json:
            out_json(found)
        elif found:
            out(requests_table(found))
        else:
            note("p0: none")

    run(main())


def show(
    rid: Id,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until it is over; one line for each event.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Also each rule that was considered, and why not.")] = False,
    json: Json = False,
) -> None:
    """Show a request: what it asks for, who decides, its history.

    Example: p0 show r-5kq2m7xa --watch
    """

    async def main() -> None:
        from p0_launcher.connection import connect

        async with connect(profile()) as connection:
            view = await connection.api.request(rid)
            _print(view, trace=trace, json=json)
            if watch:
                await _follow(connection, view, json=json)

    run(main())


def relinquish(rid: Id, *, comment: Comment = "", to_file: ToFile = None, json: Json = False) -> None:
    """End your own access early, or take back a request.

    Example: p0 relinquish r-5kq2m7xa
    """

    async def main() -> RequestView:
        from p0_launcher.connection import connect

        async with connect(profile()) as connection:
            return await connection.workflow.give_back(rid, comment=comment)

    if to_file is not None:
        _end_to_file(rid, "relinquish", to_file, comment=comment)
        return
    _print_end(run(main()), json=json)


def revoke(rid: Id, *, comment: Comment = "", to_file: ToFile = None, json: Json = False) -> None:
    """End somebody's access at once.

    There are no new logins, and sessions are terminated.

    A server may hold it back. With --to-file it is only signed; the agent takes it in with `p0 agent submit FILE`.

    Example: p0 revoke r-5kq2m7xa --comment "Incident closed"
    """

    async def main() -> RequestView:
        from p0_launcher.connection import connect

        async with connect(profile()) as connection:
            what = await connection.workflow.ending(rid)
            _tell(what)
            return await connection.workflow.revoke(what, comment=comment)

    if to_file is not None:
        _end_to_file(rid, "revoke", to_file, comment=comment)
        return
    _print_end(run(main()), json=json)


def _tell(what: Ending) -> None:
    """What ends, as it was signed: not what a list of the server's said."""
    from p0_launcher.restating import ending_lines

    note("\n".join(ending_lines(what)))


def _end_to_file(rid: str, act: Literal["relinquish", "revoke"], path: Path, *, comment: str) -> None:
    async def main() -> None:
        from p0_launcher.connection import connect
        from p0_launcher.ending import ending
        from p0_launcher.handing_over import end, write

        async with connect(profile()) as connection:
            view = await connection.api.request(rid)
            what = ending(view, pins=connection.profile.agents)
            if act == "revoke":
                _tell(what)
            write(path, await end(connection.session, view, what, act, comment=comment))

    run(main())
    note(f"p0: signed, in {path}; on the agent's machine: p0 agent submit {path.name} --config FILE")


async def _follow(connection: Connection, view: RequestView, *, json: bool) -> None:
    """Long-polls, as the server holds each call until there is something new."""
    from p0_launcher.api import MAX_WAIT
    from p0_launcher.render import event_line

    while not view.state.final:
        last = max((event.seq for event in view.events), default=0)
        view = await connection.api.request(view.rid, wait=MAX_WAIT, after=last)
        for event in view.events:
            if event.seq > last:
                if json:
                    out_json(event)
                else:
                    out(f"  {event_line(event)}")


def _print(view: RequestView, *, trace: bool, json: bool) -> None:
    from p0_launcher.render import request_lines

    if json:
        out_json(view)
    else:
        out(request_lines(view, trace=trace))


def _print_end(view: RequestView, *, json: bool) -> None:
    from p0_launcher.render import clock, state_of

    if json:
        out_json(view)
        return
    note(f"p0: {view.rid} is {state_of(view)}")
    if not view.state.final:
        late = "" if view.not_after is None else f", and at {clock(view.not_after)} in any case"
        note(f"p0: your word is recorded, and its agent has not answered yet; it ends when it does{late}")
