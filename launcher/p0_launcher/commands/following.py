"""`p0 extend`, `p0 review`: what follows an access that has begun."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from p0_launcher.commands.asking import DEFAULT_PATIENCE, Teller
from p0_launcher.commands.common import Json, ask, interactive, note, out_json, profile, run, seconds, show_sign_in
from p0_launcher.commands.requests import Id
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from p0_access.messages.views import RequestView


def extend(
    rid: Id,
    *,
    ttl: Annotated[str, typer.Option(metavar="TIME", help="How long in all, from its start, such as 2h.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", envvar="P0_REASON", help="Why it takes longer.")] = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for a decision.")] = DEFAULT_PATIENCE,
    json: Json = False,
) -> None:
    """Ask that your access may last longer.

    That is a request of its own, decided by the same rules. Sessions go on.

    Example: p0 extend r-5kq2m7xa --ttl 2h --reason "The export takes longer"
    """
    in_all, patience = seconds(ttl, "--ttl") or 0, seconds(timeout, "--timeout") or 0

    async def main() -> RequestView:
        from p0_launcher.connection import connect

        async with connect(profile(), show_url=show_sign_in) as connection:
            return await connection.workflow.extend(
                rid,
                ttl=in_all,
                reason=reason or os.environ.get("P0_REASON") or "",
                patience=patience,
                on_progress=Teller(),
            )

    _print(run(main()), json=json)


def review(
    rid: Id,
    *,
    comment: Annotated[str, typer.Option(metavar="TEXT", help="What you found.")],
    yes: Annotated[bool, typer.Option("--yes", help="Sign without being asked.")] = False,
    json: Json = False,
) -> None:
    """Sign that you have looked at an emergency.

    It is shown first; your signature closes its review.

    Example: p0 review r-5kq2m7xa --comment "Justified: INC-4411"
    """
    if not comment.strip():
        raise UsageError("a review says what was found", code="usage", hint="--comment 'Justified: …'")
    if not yes and not interactive():
        raise UsageError(
            "nobody is at the terminal to confirm", code="not_interactive", hint=f"p0 show {rid}, then add --yes"
        )

    async def main() -> RequestView | None:
        from p0_launcher.connection import connect
        from p0_launcher.emergencies import afterwards, close_review
        from p0_launcher.render import request_lines
        from p0_launcher.review import as_signed

        async with connect(profile()) as connection:
            view = await connection.api.request(rid)
            emergency = afterwards(view, pins=connection.profile.agents)
            note(request_lines(as_signed(view, emergency.admission)))
            if not yes and ask(f"\nType y, or {rid}, to sign that you have looked at it:") not in {"y", "yes", rid}:
                note("p0: nothing was signed")
                return None
            return await close_review(connection.api, connection.session, emergency, comment=comment)

    reviewed = run(main())
    if reviewed is None:
        raise typer.Exit(1)
    _print(reviewed, json=json)


def _print(view: RequestView, *, json: bool) -> None:
    from p0_launcher.render import state_of

    if json:
        out_json(view)
    else:
        reviewed = "" if view.reviewed_by is None else ", reviewed"
        note(f"p0: {view.rid} is {state_of(view)}{reviewed}")
