"""`p0 approve`, `p0 deny`: what is signed is verified and shown here first, in the approver's own terminal."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p0_launcher.commands.common import Json, ask, interactive, note, out_json, profile, run, seconds, show_sign_in
from p0_launcher.commands.requests import Id, ToFile
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from p0_access.messages.views import RequestView
    from p0_access.permissions.permission import Permission
    from p0_launcher.profile import Profile
    from p0_launcher.review import Review, Unanswered

Yes = Annotated[bool, typer.Option("--yes", help="Sign without being asked.")]


def approve(
    rid: Id,
    *,
    ttl: Annotated[str | None, typer.Option(metavar="TIME", help="Allow it for less time, such as 15m.")] = None,
    strike: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave out what is on schema.table or schema.table.column. Repeatable."),
    ] = None,
    comment: Annotated[str, typer.Option(metavar="TEXT", help="A word to the requestor and the record.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Read what a request asks for, and sign that it may have it.

    Example: p0 approve r-5kq2m7xa --ttl 15m
    """
    run(_approve(profile(), rid, ttl=seconds(ttl, "--ttl"), strike=strike or (), comment=comment, yes=yes, json=json))


def deny(
    rid: Id,
    *,
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Why; the requestor reads it.")],
    to_file: ToFile = None,
    json: Json = False,
) -> None:
    """Sign that a request may not have what it asks for. That is final.

    A server may hold it back. With --to-file it is only signed; the agent takes it in with `p0 agent submit FILE`.

    Example: p0 deny r-5kq2m7xa --comment "Use the reporting replica"
    """
    run(_deny(profile(), rid, comment=comment, to_file=to_file, json=json))


async def _approve(
    used: Profile, rid: str, *, ttl: int | None, strike: Sequence[str], comment: str, yes: bool, json: bool
) -> None:
    from p0_launcher.connection import connect
    from p0_launcher.render import permission_lines, review_lines
    from p0_launcher.review import decide, review

    if not yes and not interactive():
        raise UsageError(
            "nobody is at the terminal to confirm", code="not_interactive", hint=f"p0 show {rid}, then add --yes"
        )
    async with connect(used, show_url=show_sign_in) as connection:
        reviewed = review(await connection.api.request(rid), pins=used.agents, now=int(time.time()))
        _refuse_own(reviewed, connection.session.subject.iss, connection.session.subject.sub)
        least = reviewed.ttl if ttl is None else min(ttl, reviewed.ttl)
        kept = _without(reviewed.admission.permissions, strike)
        note(review_lines(reviewed, ttl=least))
        if len(kept) < len(reviewed.admission.permissions):
            struck = [each for each in reviewed.admission.permissions if each not in set(kept)]
            note("\n".join(["", "you strike", *permission_lines(struck)]))
            if reviewed.request.what.kind != "grant":
                note("the request needs that, so it will end, and can be asked for again without it")
        if not yes and ask(f"\nType y, or {rid}, to sign:") not in {"y", "yes", rid}:
            note("p0: nothing was signed")
            raise typer.Exit(1)
        view = await decide(
            connection.api, connection.session, reviewed, "approve", permissions=kept, ttl=least, comment=comment,
            on_unanswered=partial(_tell_unanswered, "approval"),
        )  # fmt: skip
    _print(view, json=json)


async def _deny(used: Profile, rid: str, *, comment: str, to_file: Path | None, json: bool) -> None:
    from p0_launcher.connection import connect
    from p0_launcher.review import decide, review

    if not comment.strip():
        raise UsageError("a denial needs a reason", code="usage", hint="--comment 'why'")
    async with connect(used) as connection:
        asked = await connection.api.request(rid)
        reviewed = review(asked, pins=used.agents, now=int(time.time()))
        if to_file is not None:
            from p0_launcher.handing_over import denial, write

            write(to_file, await denial(connection.session, asked, reviewed, comment=comment))
            note(f"p0: signed, in {to_file}; on the agent's machine: p0 agent submit {to_file.name} --config FILE")
            return
        view = await decide(
            connection.api, connection.session, reviewed, "deny", comment=comment,
            on_unanswered=partial(_tell_unanswered, "denial"),
        )  # fmt: skip
    _print(view, json=json)


def _without(permissions: Sequence[Permission], strike: Sequence[str]) -> tuple[Permission, ...]:
    """What is left; each of the names must mean something that is there."""
    kept = list(permissions)
    for name in strike:
        struck = {each for each in permissions if not each.implied and name in _names(each)}
        if not struck:
            raise UsageError(f"nothing that is asked for is on {name!r}", code="usage", hint="schema.table.column")
        kept = [each for each in kept if each not in struck]
    if not any(not each.implied for each in kept) and strike:
        raise UsageError("that strikes all of it", code="usage", hint="p0 deny says no")
    return tuple(kept)


def _names(permission: Permission) -> set[str]:
    whole = ".".join(part for part in (permission.schema, permission.object) if part is not None)
    return {whole, str(permission)} if permission.column is None else {whole, f"{whole}.{permission.column}"}


def _refuse_own(reviewed: Review, iss: str, sub: str) -> None:
    """The agent would refuse it; better said before anybody signs."""
    if (reviewed.admission.subject.iss, reviewed.admission.subject.sub) == (iss, sub):
        hint = f"p0 show {reviewed.rid} says for whom it waits"
        raise UsageError("nobody approves their own request", code="own_request", hint=hint)


def _tell_unanswered(what: str, unanswered: Unanswered) -> None:
    from p0_launcher.render import clock

    where = "its agent has not answered yet" if unanswered.online else "its agent is away"
    note(f"p0: your {what} of {unanswered.rid} is recorded, and {where};")
    note(f"p0: it counts once the agent has it, if that is before {clock(unanswered.until)}")


def _print(view: RequestView, *, json: bool) -> None:
    from p0_launcher.render import state_of

    if json:
        out_json(view)
    else:
        note(f"p0: {view.rid} is {state_of(view)}")
